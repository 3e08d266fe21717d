"""Test vectors of types: for each kind, its smallest, its largest and its usual values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.wire.messages import Vector, a_row

NUMBERS: Final = {"a_boolean": False, "an_int": "0", "a_long": "0", "a_float": 0.0, "a_double": 0.0}
TEXTS: Final[dict[str, Any]] = {
    "a_string": "",
    "a_uuid": "00000000-0000-0000-0000-000000000000",
    "an_enum": "CLUBS",
    "some_bytes": "",
    "a_fixed": "00000000",
    "a_duration": "000000000000000000000000",
    "a_json": "null",
    "unknown": "",
}
TIMES: Final = {
    "a_date": "1970-01-01",
    "time_millis": "00:00:00",
    "time_micros": "00:00:00",
    "timestamp_millis": "1970-01-01T00:00:00Z",
    "timestamp_micros": "1970-01-01T00:00:00Z",
    "local_millis": "1970-01-01T00:00:00",
    "local_micros": "1970-01-01T00:00:00",
}
DECIMALS: Final = {"two_digits": "0", "money": "0", "numeric": "0", "bignumeric": "0", "on_fixed": "0"}
LISTS: Final[dict[str, Any]] = {
    "words": [],
    "items": [],
    "counts": [],
    "groups": [],
    "place": {"city": "", "point": {"x": "0", "y": "0"}},
    "perhaps_words": [],
    "perhaps_words_is_null": True,
    "grid": [],
    "blanks": [],
}
_MEMBERS: Final[dict[str, Any]] = {"string_value": None, "long_value": None, "shop_Cash_value": None, "array_value": []}
UNIONS: Final[dict[str, Any]] = {"null_first": None, "null_last": None, "single": "", "several": None}


def _numbers() -> Iterator[Vector]:
    subject = "numbers_seen"
    yield a_row(
        "numbers-zero", "Zero is one byte as int or long, and all zero bytes as float or double.", subject, NUMBERS
    )
    smallest = {
        "a_boolean": False,
        "an_int": "-2147483648",
        "a_long": "-9223372036854775808",
        "a_float": -3.4028234663852886e38,
        "a_double": -1.7976931348623157e308,
    }
    yield a_row("numbers-smallest", "The smallest number of each type.", subject, smallest)
    largest = {
        "a_boolean": True,
        "an_int": "2147483647",
        "a_long": "9223372036854775807",
        "a_float": 3.4028234663852886e38,
        "a_double": 1.7976931348623157e308,
    }
    yield a_row("numbers-largest", "The largest number of each type, and true.", subject, largest)
    beyond = NUMBERS | {"an_int": "-1", "a_long": "-4503599627370497"}
    yield a_row(
        "numbers-beyond-doubles", "A long below -2^52: some libraries write it as a positive number.", subject, beyond
    )
    wide = NUMBERS | {"an_int": "64", "a_long": "9007199254740993"}
    yield a_row(
        "numbers-odd-long", "A long above 2^53 that no double holds; 64 is the first int of two bytes.", subject, wide
    )
    tiny = NUMBERS | {"a_float": 0.10000000149011612, "a_double": 0.1}
    yield a_row(
        "numbers-tenth", "A tenth as float and as double: the row has the double of the same value.", subject, tiny
    )
    nan = NUMBERS | {"a_float": "NaN", "a_double": "NaN"}
    yield a_row("numbers-nan", "NaN as float and as double.", subject, nan)
    infinite = NUMBERS | {"a_float": "-Infinity", "a_double": "Infinity"}
    yield a_row("numbers-infinite", "Infinities as float and as double.", subject, infinite)


def _texts() -> Iterator[Vector]:
    subject = "texts_seen"
    yield a_row("texts-empty", "Empty text and bytes are a length of zero; a fixed has no length.", subject, TEXTS)
    usual = {
        "a_string": "naïve 😀 \x00\t \u2028 漢字 & <\"'>",
        "a_uuid": "0b7f5a3e-9c1d-4e2f-8a6b-112233445566",
        "an_enum": "SPADES",
        "some_bytes": bytes(range(256)).hex(),
        "a_fixed": "ff007f80",
        "a_duration": "0c0000001f000000e8030000",
        "a_json": '{"b": [1, 2.50, 18446744073709551615], "a": {"é": null}}',
        "unknown": "EC1A 1BB",
    }
    yield a_row(
        "texts-usual",
        "Text in UTF-8, all bytes, an enum by its place, JSON as text, a duration as its bytes.",
        subject,
        usual,
    )
    upper = TEXTS | {"a_uuid": "abcdefab-cdef-abcd-efab-cdefabcdefab"}
    written = {"a_uuid": "ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAB"}
    yield a_row(
        "texts-upper-uuid",
        "A UUID may be written in upper case; the row has lower case.",
        subject,
        upper,
        written=written,
    )


def _times() -> Iterator[Vector]:
    subject = "times_seen"
    yield a_row("times-epoch", "The beginning of 1970 and midnight are zero.", subject, TIMES)
    first = {
        "a_date": "0001-01-01",
        "time_millis": "00:00:00.001000",
        "time_micros": "00:00:00.000001",
        "timestamp_millis": "0001-01-01T00:00:00Z",
        "timestamp_micros": "0001-01-01T00:00:00Z",
        "local_millis": "0001-01-01T00:00:00",
        "local_micros": "0001-01-01T00:00:00",
    }
    yield a_row(
        "times-first",
        "The first day and moment that a column holds, and the smallest times of day after midnight.",
        subject,
        first,
    )
    last = {
        "a_date": "9999-12-31",
        "time_millis": "23:59:59.999000",
        "time_micros": "23:59:59.999999",
        "timestamp_millis": "9999-12-31T23:59:59.999000Z",
        "timestamp_micros": "9999-12-31T23:59:59.999999Z",
        "local_millis": "9999-12-31T23:59:59.999000",
        "local_micros": "9999-12-31T23:59:59.999999",
    }
    yield a_row("times-last", "The last day, moment and time of day.", subject, last)
    before = {
        "a_date": "1969-12-31",
        "time_millis": "12:30:00.500000",
        "time_micros": "12:30:00.500000",
        "timestamp_millis": "1969-12-31T23:59:59.500000Z",
        "timestamp_micros": "1969-12-31T23:59:59.999999Z",
        "local_millis": "2026-03-29T02:30:00",
        "local_micros": "2026-03-29T02:30:00",
    }
    yield a_row(
        "times-before-1970",
        "Times before 1970 are negative; a local time is kept even if clocks skip it somewhere.",
        subject,
        before,
    )


def _decimals() -> Iterator[Vector]:
    subject = "decimals_seen"
    yield a_row("decimals-zero", "Zero is one byte, 00, and never no bytes.", subject, DECIMALS)
    negative = {
        "two_digits": "-1",
        "money": "-12.5",
        "numeric": "-0.000000001",
        "bignumeric": "-1.28",
        "on_fixed": "-0.128",
    }
    yield a_row(
        "decimals-negative",
        "Negative numbers in two's complement; on fixed with sign bytes in front.",
        subject,
        negative,
    )
    largest = {
        "two_digits": "99",
        "money": "9999999.99",
        "numeric": "99999999999999999999999999999.999999999",
        "bignumeric": "99999999999999999999.999999999999999999",
        "on_fixed": "999999999999999.999",
    }
    yield a_row("decimals-largest", "All digits of the precision.", subject, largest)
    smallest = {name: f"-{value}" for name, value in largest.items()}
    yield a_row("decimals-smallest", "All digits of the precision, negative.", subject, smallest)
    sign = {"two_digits": "64", "money": "1.28", "numeric": "128", "bignumeric": "255", "on_fixed": "32.768"}
    yield a_row(
        "decimals-sign-byte",
        "128 needs two bytes, 0080, because 80 alone is -128; the scale belongs to the schema.",
        subject,
        sign,
    )


def _lists() -> Iterator[Vector]:
    subject = "lists_seen"
    yield a_row(
        "lists-empty",
        "An empty array or map is 00, without a block; a null list has the place of null only.",
        subject,
        LISTS,
    )
    full = {
        "words": ["", "two"],
        "items": [{"name": "a", "price": "-1.5", "gone": None}, {"name": "b", "price": "2", "gone": "7"}],
        "counts": [{"key": "", "value": "1"}, {"key": "ç", "value": "-1"}],
        "groups": [{"key": "a", "value": ["b", ""]}, {"key": "c", "value": []}],
        "place": {"city": "Zürich", "point": {"x": "-1", "y": "2147483647"}},
        "perhaps_words": [""],
        "perhaps_words_is_null": False,
        "grid": [{"items": ["1", "-1"]}, {"items": []}, {"items": ["9223372036854775807"]}],
        "blanks": [{"value": ""}, {"value": None}, {"value": "x"}],
    }
    yield a_row(
        "lists-full",
        "Items in one block; a map is a list of keys and values; items of items have members.",
        subject,
        full,
    )
    none = LISTS | {"perhaps_words_is_null": False}
    yield a_row("lists-empty-not-null", "An empty optional array is the place of the array, then 00.", subject, none)


def _unions() -> Iterator[Vector]:
    subject = "unions_seen"
    yield a_row("unions-null", "Null is the place of its branch and no more, wherever it is.", subject, UNIONS)
    values = {"null_first": "-1", "null_last": "x", "single": "only", "several": _MEMBERS | {"long_value": "5"}}
    yield a_row(
        "unions-values",
        "A value is the place of its branch, then the value; a union of one type has a place, too.",
        subject,
        values,
    )
    for name, member, value in (
        ("string", "string_value", "x"),
        ("record", "shop_Cash_value", {"amount": "-12.5"}),
        ("array", "array_value", ["1", "2"]),
    ):
        chosen = UNIONS | {"several": _MEMBERS | {member: value}}
        yield a_row(
            f"unions-{name}", f"The branch of a {name}: one member of the column has the value.", subject, chosen
        )


def vectors_of_types() -> Iterator[Vector]:
    """Yield the vectors of all types."""
    for each in (_numbers, _texts, _times, _decimals, _lists, _unions):
        yield from each()
