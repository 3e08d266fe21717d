"""Shapes that BigQuery lacks together with defaults, names of columns, unions of one type, contents and JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.schemas.content_rule import comparable_rules, rule_of
from headrace.schemas.defaults import MAX_DEFAULT
from headrace.schemas.encode import encode
from headrace.schemas.encode_field import compile_encoder
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.json_encoding.compile_json import compile_json
from headrace.schemas.json_encoding.rules import AVRO_JSON, STRICT
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.stored import stored
from headrace.schemas.unions import member_names
from headrace.schemas.validate import validate
from tests.support import json_reading
from tests.support.builders import MOMENT, a_contract, a_record, contract_json
from tests.support.json_reading import read_json_as
from tests.support.readers import KINDS, columns_of, compile_reader

EACH_READER = pytest.mark.parametrize("reader", ["values", "compiled", "fallback"])
AT = {"at": MOMENT}
CARD = a_record("Card", ("number", "string"), ("tries", "int", {"default": 3})) | {"namespace": "shop"}
UNION = ["null", "string", CARD, {"type": "array", "items": "long"}]
LIST = {"type": "array", "items": "string"}
NODE = a_record("Node", ("name", "string"), ("inner", {"type": "array", "items": "Node"}, {"default": []}))
JSON = {"type": "string", "sqlType": "JSON"}
NO_MEMBER: dict[str, Any] = {"string_value": None, "shop_Card_value": None, "array_value": []}


def read(reader: str, older: Contract, newer: Contract, event: Any) -> dict[str, Any]:
    """The columns of *newer* that hold an event of *older*."""
    values = compile_reader(reader, older.record, newer.record)(encode(older, validate(older.record, event | AT)))
    return {field.column: value for field, value in zip(stored(newer.record).fields, values, strict=True)}


DEFAULTS = [
    pytest.param(UNION, None, None, id="null of a union"),
    pytest.param(UNION, "né", NO_MEMBER | {"string_value": "né"}, id="a text of a union"),
    pytest.param(
        UNION, {"number": "4"}, NO_MEMBER | {"shop_Card_value": {"number": "4", "tries": 3}}, id="a record of a union"
    ),
    pytest.param(UNION, [1, 2], NO_MEMBER | {"array_value": [1, 2]}, id="a list of a union"),
    pytest.param(["long", "double"], 7, {"long_value": 7, "double_value": None}, id="the first type that fits"),
    pytest.param(["null", LIST], None, [], id="no list"),
    pytest.param(["null", LIST], ["a"], ["a"], id="a list"),
    pytest.param({"type": "array", "items": ["null", "long"]}, [1, None], [{"value": 1}, {"value": None}], id="items"),
    pytest.param({"type": "array", "items": LIST}, [["a"], []], [{"items": ["a"]}, {"items": []}], id="lists"),
    pytest.param(JSON, '{"a": 1}', '{"a": 1}', id="a JSON text"),
    pytest.param(NODE, {"name": "x", "inner": []}, {"name": "x", "inner": []}, id="a record within itself"),
]


@EACH_READER
@pytest.mark.parametrize(("type_", "default", "column"), DEFAULTS)
def test_an_event_of_an_older_version_has_the_default(reader: str, type_: Any, default: Any, column: Any) -> None:
    older, newer = a_contract(("g", "int")), a_contract(("g", "int"), ("f", type_, {"default": default}))

    assert read(reader, older, newer, {"g": 1})["f"] == column


@pytest.mark.parametrize(("type_", "default", "column"), DEFAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_field_at_its_default_does_not_change_the_content(
    kind: str, type_: Any, default: Any, column: Any
) -> None:
    older, newer = a_contract(("g", "int")), a_contract(("g", "int"), ("f", type_, {"default": default}))
    events = [(older, {"g": 1} | AT), (newer, {"g": 1} | AT)]

    assert len(set(hashes(kind, newer, events))) == 1


def hashes(kind: str, newest: Contract, events: Any) -> list[int]:
    """The hashes of the contents of events, each with its contract."""
    columns = columns_of(kind, newest.record)
    payloads = [encode(contract, validate(contract.record, event)) for contract, event in events]
    assert columns.read([contract.record for contract, _ in events], payloads) == []
    return np.frombuffer(columns.content_hashes(), np.int64).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("type_", "one", "other", "equal"),
    [
        pytest.param(["int", "long"], {"int": 1}, {"long": 1}, False, id="the branch counts"),
        pytest.param(["string", "bytes"], {"string": ""}, {"bytes": b""}, False, id="an empty text or bytes"),
        pytest.param({"type": "array", "items": ["null", "int"]}, [None], [0], False, id="a wrapped null is no number"),
        pytest.param({"type": "array", "items": LIST}, [[], ["a"]], [["a"], []], False, id="lists in another order"),
        pytest.param(JSON, '{"a":1}', '{"a":2}', False, id="another JSON text"),
        pytest.param(NODE, {"name": "x"}, {"name": "x", "inner": [{"name": "y"}]}, False, id="a level more"),
        pytest.param(
            ["string", {"type": "map", "values": "int"}],
            {"map": {"a": 1, "b": 2}},
            {"map": {"b": 2, "a": 1}},
            True,
            id="a map in a union in another order",
        ),
    ],
)
def test_contents_are_compared_by_their_values(kind: str, type_: Any, one: Any, other: Any, equal: bool) -> None:
    contract = a_contract(("f", type_))

    first, second = hashes(kind, contract, [(contract, {"f": each} | AT) for each in (one, other)])
    assert (first == second) is equal


@EACH_READER
@pytest.mark.parametrize(("default", "is_null"), [(None, True), ([], False), (["a"], False)])
def test_a_default_says_whether_it_is_null(reader: str, default: Any, is_null: bool) -> None:
    field = ("f", ["null", LIST], {"default": default, "is_null_column": True})
    older, newer = a_contract(("g", "int")), a_contract(("g", "int"), field)

    row = read(reader, older, newer, {"g": 1})

    assert (row["f"], row["f_is_null"]) == (default or [], is_null)


@EACH_READER
def test_a_field_that_was_of_type_null_is_null(reader: str) -> None:
    newer = a_contract(("f", ["null", LIST], {"is_null_column": True}), ("u", ["string", "null", "int"]))

    row = read(reader, a_contract(("f", "null"), ("u", "null")), newer, {})

    assert row | {"at": 0} == {"f": [], "f_is_null": True, "u": None, "at": 0}


@EACH_READER
def test_a_null_column_is_named_after_the_column_of_its_list(reader: str) -> None:
    inner = a_record("R", ("a b".replace(" ", "-"), ["null", LIST], {"is_null_column": True}))
    contract = a_contract(("tags-of", ["null", LIST], {"is_null_column": True}), ("r", inner))
    (tags, tags_null, record, _) = stored(contract.record).fields

    row = read(reader, contract, contract, {"tags-of": None, "r": {"a-b": []}})

    assert tags_null.column == f"{tags.column}_is_null"
    assert tags.column.startswith("tags_of_")
    assert row[tags_null.column] is True
    names = [each.name if reader == "values" else each.column for each in record.type.fields]  # type: ignore[union-attr]
    assert row["r"] == dict(zip(names, ([], False), strict=True))


def test_a_null_column_that_bigquery_cannot_name_is_refused() -> None:
    with pytest.raises(ContractError, match="longer than 300; rename the field"):
        a_contract(("f" * 295, ["null", LIST], {"is_null_column": True}))
    a_contract(("f" * 292, ["null", LIST], {"is_null_column": True}))


@EACH_READER
def test_a_union_of_one_type_becomes_one_of_several_and_another_name(reader: str) -> None:
    older = a_contract(("old", ["string"]), ("l", {"type": "array", "items": ["int"]}))
    newer = a_contract(
        ("f", ["null", "bytes", "string"], {"aliases": ["old"]}), ("l", {"type": "array", "items": ["string", "int"]})
    )

    row = read(reader, older, newer, {"old": "x", "l": [1]})

    assert row["f"] == {"bytes_value": None, "string_value": "x"}
    assert row["l"] == [{"string_value": None, "int_value": 1}]
    payload = bytearray(encode(older, validate(older.record, {"old": "x", "l": [1]} | AT)))
    payload[0] = 2
    with pytest.raises(UndecodableError, match=r"^old: no branch of its union at byte 0$"):
        compile_reader(reader, older.record, newer.record)(bytes(payload))


@EACH_READER
def test_fields_without_a_column_are_read_over_beside_unions(reader: str) -> None:
    empty = a_record("Empty")
    fields = [("a", ["null", empty]), ("b", ["Empty"]), ("u", ["string", CARD]), ("c", ["null"]), ("d", "null")]
    contract = a_contract(("r", [a_record("Inner", *fields)]), ("m", {"type": "map", "values": ["shop.Card"]}))

    row = read(reader, contract, contract, {"r": {"u": {"string": "x"}}, "m": {"k": {"number": "4"}}})

    assert row["r"] == {"u": {"string_value": "x", "shop_Card_value": None}}
    assert row["m"] == [{"key": "k", "value": {"number": "4", "tries": 3}}]


def test_fields_are_encoded_one_by_one_as_whole_events_are() -> None:
    contract = a_contract(("a", ["null"]), ("u", UNION, {"default": "x"}), ("b", [a_record("E", ("n", ["null"]))]))
    event = validate(contract.record, {"u": {"shop.Card": {"number": "4"}}} | AT)

    parts = b"".join(compile_encoder(contract, each)(event[each.name]) for each in contract.record.fields)

    assert parts == encode(contract, event)


def test_members_have_names_that_bigquery_can_hold() -> None:
    letters, marks, digit, plain = member_names(["shop.Zahlungsträger", "a.b-c", "1x", "string"])

    assert re.fullmatch("shop_Zahlungstr_ger_value_[0-9a-f]{8}", letters)
    assert re.fullmatch("a_b_c_value_[0-9a-f]{8}", marks)
    assert re.fullmatch("c_1x_value_[0-9a-f]{8}", digit)
    assert plain == "string_value"


def test_a_name_of_another_namespace_is_the_type_that_it_means() -> None:
    plain = a_record("Plain", ("a", "int")) | {"namespace": ""}
    contract = a_contract(("p", plain), ("r", a_record("shop.R", ("u", ["null", "string", "Plain"]))))

    event = validate(contract.record, {"p": {"a": 1}, "r": {"u": {"Plain": {"a": 2}}}} | AT)

    assert contract.decode(encode(contract, event))[1] == {"u": {"string_value": None, "Plain_value": {"a": 2}}}


def test_a_default_is_bounded_with_its_wrappers() -> None:
    items = {"type": "array", "items": ["null", "boolean"]}
    with pytest.raises(ContractError, match=f"a default of more than {MAX_DEFAULT} bytes in columns"):
        a_contract(("f", items, {"default": [None] * MAX_DEFAULT}))


@pytest.mark.parametrize(
    ("older", "newer", "is_comparable"),
    [
        pytest.param(("f", LIST), ("f", ["null", LIST]), True, id="a list that may be null"),
        pytest.param(
            ("f", ["null", LIST]), ("f", ["null", LIST], {"is_null_column": True}), False, id="a column for null"
        ),
        pytest.param(("f", LIST), ("f", {"type": "array", "items": ["null", "string"]}), False, id="wrapped items"),
        pytest.param(("f", ["int", "string"]), ("f", ["int", "string"]), True, id="the same union"),
        pytest.param(("f", ["int", "string"]), ("f", ["null", "int", "string"]), False, id="another union"),
        pytest.param(("f", NODE), ("f", NODE), True, id="the same record within itself"),
        pytest.param(
            ("f", NODE),
            ("f", NODE | {"fields": [*NODE["fields"], {"name": "more", "type": "int", "default": 0}]}),
            False,
            id="a field more in a JSON text",
        ),
    ],
)
def test_which_hashes_prove_something(older: Any, newer: Any, is_comparable: bool) -> None:
    contracts = [a_contract(each, version=number) for number, each in enumerate((older, newer), 1)]
    registry = Registry({each.ref: each for each in contracts})

    rules = comparable_rules(registry, "thing_happened")

    assert [rule_of(each.record) in rules for each in contracts] == [is_comparable, True]


FOREIGN = {"envelope": {"kind": "attributes", "id": "message_id"}}
TEXTS = a_record("Either", *((name, ["null", name], {"default": None}) for name in ("string", "int")))


@pytest.mark.parametrize("encoding", ["json", "avro-json", ["datum", "json"]])
@pytest.mark.parametrize(
    ("type_", "where", "why", "remedies"),
    [
        pytest.param(["string", "int"], "f", "a union of several types, and payloads are JSON", [TEXTS], id="a union"),
        pytest.param(
            {"type": "array", "items": ["null", "string", "int"]}, "f", "a union of several", [LIST], id="in a list"
        ),
        pytest.param(NODE, "f.inner", "Node within itself, and payloads are JSON", ["string", JSON], id="recursion"),
    ],
)
def test_payloads_in_json_refuse_what_they_cannot_hold(
    tmp_path: Path, encoding: Any, type_: Any, where: str, why: str, remedies: list[Any]
) -> None:
    def load(type_: Any, encoding: Any) -> Registry:
        text = json.dumps(contract_json(("f", type_), encoding=encoding, **FOREIGN))
        (tmp_path / "thing_happened.v1.avsc").write_text(text)
        return Registry.load(tmp_path)

    if encoding == "avro-json" and where == "f":  # it names the branch of each value
        load(type_, encoding)
        return
    with pytest.raises(ContractError) as raised:
        load(type_, encoding)
    assert (raised.value.where, raised.value.why[: len(why)]) == (f"thing_happened.v1.{where}", why)
    load(type_, "datum")
    for each in remedies:
        load(each, encoding)


def test_lines_in_a_convention_of_json_refuse_it_too() -> None:
    with pytest.raises(ContractError, match="a union of several types, and payloads are JSON"):
        compile_json(a_contract(("f", ["string", "int"])).record, STRICT)


@pytest.mark.parametrize("kind", json_reading.KINDS)
def test_json_reads_the_other_shapes(kind: str) -> None:
    fields = [
        ("lists", {"type": "array", "items": ["null", LIST]}),
        ("maps", ["null", {"type": "map", "values": {"type": "map", "values": "int"}}]),
        ("text", JSON),
        ("nothing", "null"),
    ]
    event = {"lists": [None, ["a"], []], "maps": {"a": {"b": 1}}, "text": '{"a":[1]}'}
    record = json_reading.a_record_of(*fields)

    assert read_json_as(kind, record, STRICT, json.dumps(event | {"nothing": None})) == event
    assert read_json_as(kind, record, STRICT, json.dumps(event | {"maps": None})) == event | {"maps": None}


@pytest.mark.parametrize("kind", json_reading.KINDS)
def test_avro_json_names_the_type_of_a_union_of_one(kind: str) -> None:
    card = a_record("Card", ("n", ["long"]))
    record = json_reading.a_record_of(("a", ["string"]), ("c", [card]), ("m", {"type": "map", "values": ["shop.Card"]}))
    text = '{"a":{"string":"x"},"c":{"shop.Card":{"n":{"long":1}}},"m":{"k":{"shop.Card":{"n":{"long":2}}}}}'

    assert read_json_as(kind, record, AVRO_JSON, text) == {"a": "x", "c": {"n": 1}, "m": {"k": {"n": 2}}}
    with pytest.raises(UndecodableError, match=r"^a: "):
        read_json_as(kind, record, AVRO_JSON, text.replace('{"string":"x"}', '"x"'))
    assert read_json_as(kind, record, STRICT, '{"a":"x","c":{"n":1},"m":{}}') == {"a": "x", "c": {"n": 1}, "m": {}}
