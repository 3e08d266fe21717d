"""Lists that may be null, lists of lists, and lists of what may be null: as columns, in JSON, and across versions."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.schemas.encode import encode
from headrace.schemas.errors import UndecodableError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.layout import amplification
from headrace.schemas.model import MAX_COLUMN_BYTES
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.validate import validate
from tests.support.builders import MOMENT, a_contract, a_record
from tests.support.readers import compile_reader

EACH_READER = pytest.mark.parametrize("reader", ["values", "compiled", "fallback"])
TEXTS = {"type": "array", "items": "string"}
NUMBERS = {"type": "map", "values": "long"}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


CASES = [
    pytest.param(["null", TEXTS], None, [], id="no list"),
    pytest.param([TEXTS, "null"], ["a"], ["a"], id="a list, null second"),
    pytest.param(["null", NUMBERS], None, [], id="no map"),
    pytest.param(
        array(TEXTS), [["a"], [], ["b", "c"]], [{"items": each} for each in (["a"], [], ["b", "c"])], id="rows"
    ),
    pytest.param(array(["null", TEXTS]), [None, ["a"]], [{"items": []}, {"items": ["a"]}], id="rows or null"),
    pytest.param(array(["null", "long"]), [1, None], [{"value": 1}, {"value": None}], id="numbers or null"),
    pytest.param(array(NUMBERS), [{"a": 1}], [{"items": [{"key": "a", "value": 1}]}], id="maps"),
    pytest.param({"type": "map", "values": TEXTS}, {"a": ["b"]}, [{"key": "a", "value": ["b"]}], id="a map of lists"),
    pytest.param(
        {"type": "map", "values": ["null", NUMBERS]},
        {"a": {"b": 1}, "c": None},
        [{"key": "a", "value": [{"key": "b", "value": 1}]}, {"key": "c", "value": []}],
        id="a map of maps or null",
    ),
    pytest.param(array(array(array("int"))), [[[1], []]], [{"items": [{"items": [1]}, {"items": []}]}], id="a cube"),
    pytest.param(
        array(["null", "int", "string"]),
        [{"int": 1}, None],
        [{"value": {"int_value": 1, "string_value": None}}, {"value": None}],
        id="unions",
    ),
    pytest.param(
        array(["int", "string"]), [{"string": "x"}], [{"int_value": None, "string_value": "x"}], id="unions, never null"
    ),
    pytest.param(
        array(["null", a_record("R", ("a", "int"))]),
        [None, {"a": 1}],
        [{"value": None}, {"value": {"a": 1}}],
        id="records",
    ),
]


@EACH_READER
@pytest.mark.parametrize(("type_", "value", "column"), CASES)
def test_a_list_is_a_repeated_column(reader: str, type_: Any, value: Any, column: Any) -> None:
    contract = a_contract(("f", type_))
    payload = encode(contract, validate(contract.record, {"f": value, "at": MOMENT}))

    assert compile_reader(reader, contract.record, contract.record)(payload)[0] == column
    event = fields_to_json(contract.record, contract.decode(payload))
    assert event["f"] == value, "JSON tells null from empty"
    assert encode(contract, validate(contract.record, fields_from_json(contract.record, event))) == payload


@EACH_READER
def test_a_column_beside_a_list_tells_null_from_empty(reader: str) -> None:
    inner = a_record("Inner", ("m", [NUMBERS, "null"], {"is_null_column": True}))
    contract = a_contract(("f", ["null", TEXTS], {"is_null_column": True}), ("r", array(inner)))
    decode = compile_reader(reader, contract.record, contract.record)

    for value, is_null in ((None, True), ([], False), (["a"], False)):
        event = {"f": value, "r": [{"m": None}, {"m": {}}], "at": MOMENT}
        row = decode(encode(contract, event))
        assert row[:2] == [value or [], is_null]
        assert row[2] == [{"m": [], "m_is_null": True}, {"m": [], "m_is_null": False}]


@EACH_READER
def test_an_older_version_says_nothing_of_null(reader: str) -> None:
    flag, empty = {"is_null_column": True}, {"default": None}
    newest = a_contract(("a", ["null", TEXTS], flag), ("f", ["null", TEXTS], flag | empty))
    older = a_contract(("a", TEXTS))
    several = a_contract(("a", ["int", "null", TEXTS]))

    assert compile_reader(reader, older.record, newest.record)(encode(older, {"a": [], "at": MOMENT}))[:4] == (
        [[], False, [], True]
    )
    payload = encode(several, {"a": None, "at": MOMENT})
    assert compile_reader(reader, several.record, newest.record)(payload)[:2] == [[], True]


@EACH_READER
@pytest.mark.parametrize(
    ("type_", "payload", "error"),
    [
        (["null", TEXTS], b"\x04", "f: no branch of its union at byte 0"),
        (["null", TEXTS], b"", "f: ends in the middle at byte 0"),
        (array(TEXTS), b"\x02\x02\x02\xff\x00\x00", "f[0][0]: not UTF-8 at byte 2"),
        (array(["null", "boolean"]), b"\x04\x00\x02\x07", "f[1]: neither true nor false at byte 3"),
        (array(NUMBERS), b"\x02\x04\x02a\x02\x02a\x02\x00\x00", "f[0][1].key: a key occurs twice at byte 5"),
    ],
)
def test_a_bad_list_is_refused_in_the_same_words(reader: str, type_: Any, payload: bytes, error: str) -> None:
    contract = a_contract(("f", type_, {"is_null_column": isinstance(type_, list)}))

    with pytest.raises(UndecodableError) as refused:
        compile_reader(reader, contract.record, contract.record)(payload)
    assert str(refused.value) == error


@EACH_READER
def test_what_a_byte_becomes_in_a_nested_list_is_bounded(reader: str) -> None:
    wide = a_record("Wide", *((f"d{number}", ["null", "double"]) for number in range(200)))
    contract = a_contract(("f", array(array(["null", wide, "string"]))))
    assert amplification(contract.record) > 1_800
    decode = compile_reader(reader, contract.record, contract.record)

    rows = [[None] * 4_000] * 3
    with pytest.raises(UndecodableError, match=rf"^f\[2\]: columns of more than {MAX_COLUMN_BYTES} bytes"):
        decode(encode(contract, {"f": rows, "at": MOMENT}))
    assert len(decode(encode(contract, {"f": rows[:2], "at": MOMENT}))[0]) == 2
