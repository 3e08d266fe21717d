"""JSON columns: what they hold as it is, what they refuse in the same words everywhere, and what is equal."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.bigquery.event_table import table_for
from headrace.schemas.encode import encode
from headrace.schemas.errors import InvalidEventError, UndecodableError
from headrace.schemas.json_text import MAX_LEVELS, canonical, json_fault
from headrace.schemas.validate import validate
from tests.support.builders import MOMENT, a_contract
from tests.support.builders import encode as by_producer
from tests.support.growth import assert_linear
from tests.support.readers import compile_reader
from tests.support.strategies import FIXED_PROFILE, json_values

JSON = {"type": "string", "sqlType": "JSON"}
CONTRACT = a_contract(("f", JSON), ("more", ["null", {"type": "array", "items": JSON}]))
EACH_READER = pytest.mark.parametrize("reader", ["values", "compiled", "fallback"])

HELD = [
    "null",
    " true\n",
    '"text"',
    '{"a": [1, 2.5, {"b": null}], "é": "\\u00e9\\ud83d\\ude00"}',
    "-9223372036854775808",
    "18446744073709551615",
    "1e20",
    "100000000000000000000",
    "0.1",
    "5e-324",
    "1.7976931348623157e308",
    "[" * MAX_LEVELS + "]" * MAX_LEVELS,
    '"' + "[" * 2 * MAX_LEVELS + '"',
    json.dumps([[]] * 2 * MAX_LEVELS),
]
NUMBER = "JSON with a number that BigQuery cannot hold exactly"
REFUSED = [
    ("", "not one JSON value"),
    ("1 2", "not one JSON value"),
    ('{"a"', "not one JSON value"),
    ("[1,]", "not one JSON value"),
    ("01", "not one JSON value"),
    ("NaN", "not one JSON value"),
    ("-Infinity", "not one JSON value"),
    ("'a'", "not one JSON value"),
    ('"\x01"', "not one JSON value"),
    ("\ufeff1", "not one JSON value"),
    ('"\\x41"', "not one JSON value"),
    ('{"a": 1, "\\u0061": 2}', "JSON with a key twice in one object"),
    ('[{"b": {"a": 1, "a": 1}}]', "JSON with a key twice in one object"),
    ('"\\ud800"', "JSON with half a surrogate pair"),
    ('{"\\udc00": 1}', "JSON with half a surrogate pair"),
    ("18446744073709551617", NUMBER),
    ("-9223372036854775809", NUMBER),
    ("0.1234567890123456789", NUMBER),
    ("1e400", NUMBER),
    ("1e-400", NUMBER),
    ("9" * 5_000, NUMBER),
    ("[" * (MAX_LEVELS + 1) + "]" * (MAX_LEVELS + 1), "JSON nested deeper than 500"),
    ("[" * 500_000, "JSON nested deeper than 500"),
]


@EACH_READER
@pytest.mark.parametrize("text", HELD)
def test_json_is_kept_as_it_is_written(reader: str, text: str) -> None:
    payload = encode(CONTRACT, validate(CONTRACT.record, {"f": text, "more": [text], "at": MOMENT}))

    assert compile_reader(reader, CONTRACT.record, CONTRACT.record)(payload)[:2] == [text, [text]]


@EACH_READER
@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_what_bigquery_would_change_is_refused_with_its_field_and_byte(reader: str, text: str, why: str) -> None:
    payload = by_producer(CONTRACT, {"f": "1", "more": ["2", text], "at": MOMENT})

    with pytest.raises(UndecodableError) as refused:
        compile_reader(reader, CONTRACT.record, CONTRACT.record)(payload)
    assert str(refused.value) == f"more[1]: {why} at byte 6"


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_the_sdk_refuses_the_same(text: str, why: str) -> None:
    with pytest.raises(InvalidEventError) as refused:
        validate(CONTRACT.record, {"f": text, "more": None, "at": MOMENT})
    assert refused.value.why == why


def test_a_refused_text_leaves_nothing_and_its_neighbours_are_read() -> None:
    texts = ['{"a": 1}', "{", "[2]"]
    payloads = [by_producer(CONTRACT, {"f": text, "more": None, "at": MOMENT}) for text in texts]
    decode = compile_reader("compiled", CONTRACT.record, CONTRACT.record)

    assert decode(payloads[0])[0] == texts[0]
    with pytest.raises(UndecodableError):
        decode(payloads[1])
    assert decode(payloads[2])[0] == texts[2]


@pytest.mark.parametrize("sign", ['"', '\\"', "[", "[]", "{", '"a" ', '["'])
def test_no_text_takes_long(sign: str) -> None:
    def work_on(count: int) -> Callable[[], object]:
        return partial(json_fault, "[" * 501 + sign * count)

    assert_linear(work_on, 1_000_000 // len(sign))


@FIXED_PROFILE
@given(json_values)
def test_any_json_is_held_and_equal_to_itself_in_another_form(value: Any) -> None:
    text, other = json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)

    assert json_fault(text) is None
    assert canonical(text) == canonical(other)


@FIXED_PROFILE
@given(st.text(alphabet='[]{}",:0123456789eE+-.\\untrfalsd \t\n\ud7ff', max_size=12))
def test_whatever_is_accepted_is_json_by_other_rules_too(text: str) -> None:
    if json_fault(text) is None:
        json.loads(text)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ('{"a": 1, "b": [1.0]}', '{"b":[1],"a":1e0}', True),
        ("1e20", "100000000000000000000", True),
        ("0.5", "5e-1", True),
        ("-0", "0", True),
        ('"1"', "1", False),
        ("[1, 2]", "[2, 1]", False),
        ("9007199254740993", "9007199254740992", False),
        ('"\\u00e9"', '"é"', True),
    ],
)
def test_two_texts_are_equal_when_their_values_are(one: str, other: str, equal: bool) -> None:
    assert (canonical(one) == canonical(other)) is equal


def test_the_column_is_json() -> None:
    columns = {each.name: each for each in table_for(CONTRACT, "p", "d").schema}

    assert (columns["f"].field_type, columns["f"].mode) == ("JSON", "REQUIRED")
    assert (columns["more"].field_type, columns["more"].mode) == ("JSON", "REPEATED")


@pytest.mark.parametrize("type_", [{"type": "bytes", "sqlType": "JSON"}, {"type": "string", "sqlType": "XML"}])
def test_another_type_is_no_json_column(type_: Any) -> None:
    (column,) = [each for each in table_for(a_contract(("f", type_)), "p", "d").schema if each.name == "f"]

    assert column.field_type == {"bytes": "BYTES", "string": "STRING"}[type_["type"]]
