"""What each type is read from, in each form, and what is refused."""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy
import pytest

from headrace.schemas.errors import UndecodableError
from headrace.schemas.json_encoding.rules import AVRO_JSON, CONVENTIONS, JsonRules
from tests.support.builders import a_decimal
from tests.support.json_reading import KINDS, read_value, rules_of

STRICT, JACKSON, GO, JAVASCRIPT = (CONVENTIONS[name] for name in ("strict", "jackson", "go", "javascript"))
DEBEZIUM = CONVENTIONS["debezium"]


def logical(base: str, name: str) -> dict[str, str]:
    return {"type": base, "logicalType": name}


MICROS, MILLIS = logical("long", "timestamp-micros"), logical("long", "timestamp-millis")
LOCAL, LOCAL_MILLIS = logical("long", "local-timestamp-micros"), logical("long", "local-timestamp-millis")
DATE, TIME, TIME_MICROS = logical("int", "date"), logical("int", "time-millis"), logical("long", "time-micros")
UUID_TYPE = logical("string", "uuid")
MONEY = a_decimal(20, 2)
FIXED_MONEY = a_decimal(20, 2, 12)
CONNECT = a_decimal(64, 2)  # as Kafka Connect writes it
OF_COLUMN = ": BIGNUMERIC holds 38 digits before the point and 38 after it"
TIER = {"type": "enum", "name": "Tier", "symbols": ["BASIC", "PLUS", "VIP"]}
MAC = {"type": "fixed", "name": "Mac", "size": 3}
NUMBERS = {"type": "array", "items": "int"}
UUID_TEXT = "0b7f5a3e-9c1d-4e2f-8a6b-112233445566"

READ: list[tuple[Any, JsonRules, str, Any]] = [
    ("boolean", STRICT, "true", True),
    ("int", STRICT, "-2147483648", -(2**31)),
    ("int", STRICT, "1.0", 1),
    ("int", STRICT, "12e1", 120),
    ("int", STRICT, "-0", 0),
    ("long", STRICT, "9007199254740993", 9007199254740993),
    ("long", STRICT, "-9223372036854775808", -(2**63)),
    ("long", JACKSON, '"9223372036854775807"', 2**63 - 1),
    ("long", JAVASCRIPT, "9007199254740991", 2**53 - 1),
    ("double", STRICT, "0.1", 0.1),
    ("double", STRICT, "-0", -0.0),
    ("double", STRICT, "5e-324", 5e-324),
    ("double", STRICT, "1" + "0" * 300, 1e300),
    ("double", STRICT, "0e999999999", 0.0),
    ("double", STRICT, '"-Infinity"', "-Infinity"),
    ("double", rules_of(nan="token"), "NaN", "NaN"),
    ("float", rules_of(nan="null"), "null", "NaN"),
    ("string", STRICT, '"a\\u00e9\\n\\ud83d\\ude42漢"', "aé\n🙂漢"),
    (MONEY, STRICT, "728820659268679912.69", "728820659268679912.69"),
    (MONEY, STRICT, '"-1E+2"', "-100.00"),
    (MONEY, STRICT, "12.50000", "12.50"),
    (MONEY, JAVASCRIPT, "1234567890123.45", "1234567890123.45"),
    (FIXED_MONEY, JACKSON, "-0.01", "-0.01"),
    (MONEY, AVRO_JSON, '"\\u0004\\u00d2"', "12.34"),
    (FIXED_MONEY, AVRO_JSON, '"' + "ÿ" * 12 + '"', "-0.01"),
    (MICROS, STRICT, '"2026-11-20T10:45:00.5+05:30"', "2026-11-20T05:15:00.500000Z"),
    (MICROS, STRICT, '"2026-11-20t05:15:00.123456000z"', "2026-11-20T05:15:00.123456Z"),
    (MICROS, JACKSON, "1795059750.220089000", "2026-11-19T03:42:30.220089Z"),
    (MICROS, JACKSON, "-1.5", "1969-12-31T23:59:58.500000Z"),
    (MICROS, rules_of(timestamps="seconds"), "1700000000", "2023-11-14T22:13:20Z"),
    (MICROS, rules_of(timestamps="millis"), "1700000000123.456", "2023-11-14T22:13:20.123456Z"),
    (MILLIS, rules_of(timestamps="nanos"), "1700000000123000000", "2023-11-14T22:13:20.123000Z"),
    (MILLIS, rules_of(timestamps="micros"), "1700000000123000", "2023-11-14T22:13:20.123000Z"),
    (MICROS, rules_of(timestamps=["text", "utc-text"]), '"2026-11-20 05:15"', "2026-11-20T05:15:00Z"),
    (LOCAL, JACKSON, "[2026,11,20,5,15,30,123456000]", "2026-11-20T05:15:30.123456"),
    (LOCAL, JACKSON, "[2026, 11, 20, 5, 15]", "2026-11-20T05:15:00"),
    (LOCAL, rules_of(local_timestamps="array-millis"), "[2026,11,20,5,15,30,123]", "2026-11-20T05:15:30.123000"),
    (DATE, JACKSON, "[2026,11,20]", "2026-11-20"),
    (DATE, STRICT, '"0001-01-01"', "0001-01-01"),
    (DATE, rules_of(dates="days"), "-1", "1969-12-31"),
    (DATE, rules_of(dates=["text", "midnight"]), '"2026-11-20T00:00:00.000Z"', "2026-11-20"),
    (TIME, JACKSON, "[5,15]", "05:15:00"),
    (TIME, STRICT, '"05:15:00.25"', "05:15:00.250000"),
    (TIME_MICROS, rules_of(times="seconds"), "1.5", "00:00:01.500000"),
    (MONEY, DEBEZIUM, '"BNI="', "12.34"),
    (MONEY, DEBEZIUM, '"/w=="', "-0.01"),
    (MONEY, DEBEZIUM, '"AA=="', "0.00"),
    (MONEY, DEBEZIUM, '"A/NxHNCTkTrl"', "728820659268679912.69"),
    (FIXED_MONEY, DEBEZIUM, '"BNI="', "12.34"),
    (FIXED_MONEY, DEBEZIUM, '"/w=="', "-0.01"),
    (MICROS, DEBEZIUM, '"2026-11-20T05:15:00.123456Z"', "2026-11-20T05:15:00.123456Z"),
    (MICROS, DEBEZIUM, "1700000000123456", "2023-11-14T22:13:20.123456Z"),
    (MILLIS, DEBEZIUM, "1700000000123", "2023-11-14T22:13:20.123000Z"),
    (LOCAL, DEBEZIUM, "1700000000123456", "2023-11-14T22:13:20.123456"),
    (LOCAL_MILLIS, DEBEZIUM, "1700000000123", "2023-11-14T22:13:20.123000"),
    (DATE, DEBEZIUM, "-1", "1969-12-31"),
    (TIME, DEBEZIUM, "1500", "00:00:01.500000"),
    (TIME_MICROS, DEBEZIUM, "1500000", "00:00:01.500000"),
    (UUID_TYPE, STRICT, f'"{UUID_TEXT.upper()}"', UUID_TEXT),
    (UUID_TYPE, rules_of(uuids=["dashed", "plain"]), f'"{UUID_TEXT.replace("-", "")}"', UUID_TEXT),
    (TIER, STRICT, '"VIP"', "VIP"),
    (TIER, rules_of(enums="index"), "2", "VIP"),
    ("bytes", STRICT, '"+/8="', "+/8="),
    ("bytes", STRICT, '"+/8"', "+/8="),
    ("bytes", rules_of(bytes="base64url"), '"-_8"', "+/8="),
    ("bytes", rules_of(bytes="hex"), '"fBff"', "+/8="),
    ("bytes", JAVASCRIPT, '{"type":"Buffer","data":[251,255]}', "+/8="),
    ("bytes", GO, "[251,255]", "+/8="),
    ("bytes", AVRO_JSON, '"\\u00fbÿ"', "+/8="),
    (MAC, STRICT, '"AQID"', "AQID"),
    (NUMBERS, GO, "null", []),
    (NUMBERS, STRICT, " [ 1 , 2 ] ", [1, 2]),
    ({"type": "map", "values": "int"}, STRICT, '{"b":1,"a":2}', {"b": 1, "a": 2}),
    (["null", "string"], STRICT, "null", None),
    (["string", "null"], STRICT, '"x"', "x"),
    (["null", "string"], AVRO_JSON, '{"string":"x"}', "x"),
    (["null", TIER], AVRO_JSON, '{"shop.Tier":"VIP"}', "VIP"),
    (["null", MICROS], AVRO_JSON, '{"long":1700000000000000}', "2023-11-14T22:13:20Z"),
    (["null", MICROS], AVRO_JSON, '{"long.timestamp-micros":1700000000000000}', "2023-11-14T22:13:20Z"),
    ([MILLIS, "null"], AVRO_JSON, '{"long.timestamp-millis":1700000000000}', "2023-11-14T22:13:20Z"),
    ([MONEY], AVRO_JSON, '{"bytes.decimal":"\\u0004\\u00d2"}', "12.34"),
    (
        {"type": "array", "items": ["null", DATE]},
        AVRO_JSON,
        '[{"int.date":-1},{"int":0}]',
        ["1969-12-31", "1970-01-01"],
    ),
    ({"type": "map", "values": ["null", TIME]}, AVRO_JSON, '{"a":{"int.time-millis":1}}', {"a": "00:00:00.001000"}),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("type_", "rules", "text", "value"), READ)
def test_a_value_is_read_exactly(kind: str, type_: Any, rules: JsonRules, text: str, value: Any) -> None:
    assert repr(read_value(kind, type_, rules, text)) == repr(value)


REFUSED: list[tuple[Any, JsonRules, str, str]] = [
    (["null", MICROS], AVRO_JSON, '{"long.timestamp-millis":1}', "no branch of its union"),
    (["null", MICROS], AVRO_JSON, '{"":1}', "no branch of its union"),
    (["null", "long"], AVRO_JSON, '{"long.timestamp-micros":1}', "no branch of its union"),
    (["null", FIXED_MONEY], AVRO_JSON, '{"bytes.decimal":"\\u0004"}', "no branch of its union"),
    ("boolean", STRICT, "1", "a number where the contract has true or false"),
    ("int", STRICT, "2147483648", "an int beyond 32 bits"),
    ("int", STRICT, "1.5", "a number with a fraction where the contract has a whole number"),
    ("int", STRICT, '"1"', "a text where the contract has a number"),
    ("long", STRICT, '"1"', "a text where the contract has a number"),
    ("long", STRICT, "9223372036854775808", "a long beyond 64 bits"),
    ("long", STRICT, "1e100000000000", "a long beyond 64 bits"),
    ("long", JAVASCRIPT, "9007199254740992", "a number beyond 2^53 - 1, which JavaScript may have rounded"),
    ("long", JACKSON, '"1_0"', "a text where the contract has a number or a number as text"),
    ("double", STRICT, "1e400", "a number beyond a double"),
    ("double", STRICT, "1e-400", "a number too small for a double"),
    ("float", STRICT, "3.5e38", "a number beyond a float"),
    ("float", STRICT, "1e-50", "a number too small for a float"),
    ("double", STRICT, "NaN", "a bare NaN where the contract has a number or"),
    ("double", GO, '"NaN"', "a text where the contract has a number"),
    ("double", STRICT, "null", "null, and the field is not optional"),
    ("double", STRICT, "-", "not JSON"),
    ("double", STRICT, "1" * 1001, "a number of more than 1,000 characters"),
    ("string", STRICT, "null", "null, and the field is not optional"),
    ("string", STRICT, '"\\ud83d"', "half a surrogate pair"),
    ("string", STRICT, '"a\nb"', "a control character in a text"),
    ("string", STRICT, '"\\x"', "an escape that JSON does not have"),
    (MONEY, STRICT, "0.001", "more digits after the point than its scale"),
    (MONEY, STRICT, "1e18", "more digits than its precision"),
    (MONEY, JAVASCRIPT, "12345678901234.56", "a number of more than 15 digits, which JavaScript may have rounded"),
    (MONEY, AVRO_JSON, '""', "a decimal of no bytes or of too many"),
    (MONEY, AVRO_JSON, '"Ā"', "a character beyond U+00FF"),
    (FIXED_MONEY, AVRO_JSON, '"ÿ"', "not 12 bytes"),
    (MONEY, DEBEZIUM, "12.34", "a number where the contract has base64"),
    (MONEY, DEBEZIUM, '"12.34"', "a text where the contract has base64"),
    (MONEY, DEBEZIUM, '"BNJ="', "base64 with bits left over at its end"),
    (MONEY, DEBEZIUM, '""', "a decimal of no bytes or of too many"),
    (MONEY, DEBEZIUM, '"BWvHXi1jEAAA"', "more digits than its precision"),
    (CONNECT, STRICT, "1e38", f"more digits than its column{OF_COLUMN}"),
    (CONNECT, DEBEZIUM, f'"{b64encode((10**40).to_bytes(17)).decode()}"', f"more digits than its column{OF_COLUMN}"),
    (CONNECT, DEBEZIUM, '""', f"a decimal of no bytes or of too many for its column{OF_COLUMN}"),
    (CONNECT, AVRO_JSON, '"' + "a" * 30 + '"', f"a decimal of no bytes or of too many for its column{OF_COLUMN}"),
    (a_decimal(64, 2, 27), AVRO_JSON, '"' + "a" * 27 + '"', f"more digits than its column{OF_COLUMN}"),
    (FIXED_MONEY, DEBEZIUM, '""', "not 12 bytes"),
    (FIXED_MONEY, DEBEZIUM, '"AAAAAAAAAAAAAAAAAA=="', "not 12 bytes"),
    (LOCAL, DEBEZIUM, '"2026-11-20T05:15:00"', "a text where the contract has a number"),
    (DATE, DEBEZIUM, "3000000", "a date outside years 1 to 9999"),
    (FIXED_MONEY, AVRO_JSON, '"' + "\x7f" * 12 + '"', "more digits than its precision"),
    (MICROS, STRICT, '"2026-11-20T05:15:00"', "a time without an offset"),
    (MICROS, STRICT, '"2026-11-20T05:15:00.1234567Z"', "finer than a microsecond"),
    (MICROS, STRICT, '"2026-11-20T05:15:60Z"', "a leap second, which no column holds"),
    (MICROS, STRICT, '"2026-02-29T05:15:00Z"', "a day or time that does not exist"),
    (MICROS, STRICT, '"0001-01-01T00:00:00+01:00"', "a time outside years 1 to 9999"),
    (MICROS, STRICT, '"2026-W47-5"', "a text where the contract has a time such as"),
    (MICROS, STRICT, "1795059750", "a number where the contract has a time such as"),
    (MICROS, JACKSON, "1795059750220", "a whole number, which may be seconds or milliseconds"),
    (MICROS, JACKSON, "1795059750.2200891", "finer than a microsecond"),
    (MILLIS, STRICT, '"2026-11-20T05:15:00.1234Z"', "finer than a millisecond"),
    (LOCAL, STRICT, '"2026-11-20T05:15:00Z"', "a time with an offset"),
    (LOCAL, JACKSON, "[2026,11,20]", "an array where the contract has a time such as"),
    (LOCAL, JACKSON, "[2026,11,20,5,15,30,123]", "finer than a microsecond"),
    (DATE, STRICT, '"2026-11-20T00:00:00Z"', "a text where the contract has a date such as"),
    (DATE, rules_of(dates="midnight"), '"2026-11-20T00:00:00+01:00"', "finer than a day"),
    (DATE, JACKSON, "[2026,13,1]", "a day or time that does not exist"),
    (TIME, STRICT, '"24:00:00"', "a day or time that does not exist"),
    (UUID_TYPE, STRICT, f'"{UUID_TEXT.replace("-", "")}"', "a text where the contract has a UUID"),
    (TIER, STRICT, '"GOLD"', "no symbol of its enum"),
    (TIER, STRICT, "2", "a number where the contract has the name of a symbol"),
    (TIER, rules_of(enums="index"), "3", "no symbol of its enum"),
    ("bytes", STRICT, '"+/9="', "base64 with bits left over at its end"),
    ("bytes", STRICT, '"-_8="', "a text where the contract has base64"),
    ("bytes", STRICT, '"+/8=="', "a text where the contract has base64"),
    ("bytes", JAVASCRIPT, '"+_8="', "a text where the contract has base64 or base64url"),
    ("bytes", JAVASCRIPT, '{"type":"Buffer","data":[256]}', "a number where the contract has base64"),
    ("bytes", JAVASCRIPT, '{"type":"buffer","data":[1]}', "an object where the contract has base64"),
    (MAC, STRICT, '"AQI="', "not 3 bytes"),
    (NUMBERS, STRICT, "null", "null, and the field is not optional"),
    ({"type": "map", "values": "int"}, STRICT, "[]", "an array where the contract has an object"),
    (["null", "string"], AVRO_JSON, '"x"', "no branch of its union"),
    (["null", "string"], AVRO_JSON, '{"int":1}', "no branch of its union"),
    (["null", "string"], AVRO_JSON, '{"string":"x","int":1}', "no branch of its union"),
    (["null", "string"], AVRO_JSON, "{}", "no branch of its union"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("type_", "rules", "text", "why"), REFUSED)
def test_a_value_in_no_form_of_its_type_is_refused(
    kind: str, type_: Any, rules: JsonRules, text: str, why: str
) -> None:
    with pytest.raises(UndecodableError) as refused:
        read_value(kind, type_, rules, text)

    error = refused.value
    assert error.why.startswith(why)
    assert error.remedy
    assert error.path == "value"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text",
    [
        "16777217",
        "16777217.000000000000000000000000000000000001",
        "16777216.999999999999999999999999999999999999",
        "-16777219.00",
        "7.0064923216240853546186479164495807e-46",
        "2.1019476964872256063855943749348741e-45",
        "1.1754943157898258998483097641290060e-38",
        "3.4028235677973366163753939545814e38",
        "0.1",
        "8388608.5",
        "8388609.5000000000000000000000000000001",
    ],
)
def test_a_float_is_rounded_once_from_its_text(kind: str, text: str) -> None:
    exact = Fraction(Decimal(text))
    with numpy.errstate(over="ignore"):
        near = numpy.float32(float(text))
    around = [numpy.nextafter(near, numpy.float32(-numpy.inf)), near, numpy.nextafter(near, numpy.float32(numpy.inf))]
    distances = {float(each): abs(Fraction(float(each)) - exact) for each in around if numpy.isfinite(each)}

    read = read_value(kind, "float", STRICT, text)

    assert distances[read] == min(distances.values())
