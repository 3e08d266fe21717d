"""A record within itself is one JSON text: in both decoders, in JSON, across versions, and without personal values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.bigquery.event_table import table_for
from headrace.schemas.encode import encode
from headrace.schemas.errors import ContractError, InvalidEventError, UndecodableError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.json_text import json_fault
from headrace.schemas.model import MAX_COLUMN_BYTES
from headrace.schemas.recursion import MOST_LEVELS
from headrace.schemas.registry import Contract
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.validate import validate
from tests.support.builders import MOMENT, a_contract, a_record
from tests.support.readers import compile_reader

EACH_READER = pytest.mark.parametrize("reader", ["values", "compiled", "fallback"])
CHILDREN = {"type": "array", "items": "Node"}
PRICE = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}


def a_node(*more: Any, name: str = "Node") -> dict[str, Any]:
    return a_record(name, ("name", "string"), *more, ("children", CHILDREN))


def a_tree(levels: int) -> dict[str, Any]:
    node: dict[str, Any] = {"name": "leaf", "children": []}
    for _ in range(levels):
        node = {"name": "x", "children": [node]}
    return node


def a_payload(contract: Contract, value: Any) -> bytes:
    return encode(contract, validate(contract.record, {"f": value, "at": MOMENT}))


@EACH_READER
def test_what_is_within_itself_is_json(reader: str) -> None:
    contract = a_contract(("f", a_node(("size", ["null", "long"]), ("union", ["int", "string", "Node"]))))
    leaf: dict[str, Any] = {"name": 'é"', "size": None, "union": {"string": "s"}, "children": []}
    top = {"name": "top", "size": 1, "union": {"Node": leaf}, "children": [leaf, leaf | {"union": {"int": 7}}]}

    node = compile_reader(reader, contract.record, contract.record)(a_payload(contract, top))[0]

    assert (node["name"], node["size"]) == ("top", 1)
    assert (node["union"]["int_value"], node["union"]["string_value"]) == (None, None)
    assert json.loads(node["union"]["Node_value"]) == leaf
    assert [json.loads(text) for text in node["children"]] == top["children"]
    assert node["children"][0] == '{"name":"é\\"","size":null,"union":{"string":"s"},"children":[]}'
    assert all(json_fault(text) is None for text in node["children"])


def test_its_column_is_json() -> None:
    (node,) = (each for each in table_for(a_contract(("f", a_node())), "p", "d").schema if each.name == "f")

    assert [(each.name, each.field_type, each.mode) for each in node.fields] == [
        ("name", "STRING", "REQUIRED"),
        ("children", "JSON", "REPEATED"),
    ]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        pytest.param(a_node(), a_tree(5), id="a list"),
        pytest.param(
            a_record("List", ("price", PRICE), ("next", ["null", "List"])),
            {"price": "1.50", "next": {"price": "-0.25", "next": None}},
            id="an option",
        ),
        pytest.param(
            a_record("A", ("b", ["null", a_record("B", ("a", ["null", "A"]), ("bs", {"type": "map", "values": "B"}))])),
            {"b": {"a": {"b": None}, "bs": {"k": {"a": None, "bs": {}}}}},
            id="two records",
        ),
    ],
)
def test_json_and_the_payload_say_the_same(type_: Any, value: Any) -> None:
    contract = a_contract(("f", type_))
    fields = validate(contract.record, fields_from_json(contract.record, {"f": value, "at": MOMENT.isoformat()}))
    payload = encode(contract, fields)

    event = fields_to_json(contract.record, contract.decode(payload))
    assert event["f"] == value
    assert encode(contract, validate(contract.record, fields_from_json(contract.record, event))) == payload


@EACH_READER
def test_a_newer_version_reads_the_levels_within_too(reader: str) -> None:
    older = a_contract(("f", a_node(("gone", "int"))))
    newer = a_contract(("f", a_node(("more", "string", {"default": "d"}))))
    leaf = {"name": "leaf", "gone": 1, "children": []}
    payload = a_payload(older, leaf | {"name": "top", "children": [leaf | {"children": [leaf]}]})

    node = compile_reader(reader, older.record, newer.record)(payload)[0]
    within = {"name": "leaf", "more": "d", "children": []}
    assert json.loads(node["children"][0]) == within | {"children": [within]}


@EACH_READER
def test_a_contract_names_the_levels_that_are_columns(reader: str) -> None:
    levels = {"column_levels": 1}
    node = a_record("Node", ("name", "string"), ("children", CHILDREN, levels))
    contract, plain = a_contract(("f", node)), a_contract(("f", a_node()))
    tree, payload = a_tree(3), a_payload(plain, a_tree(3))
    (child,) = tree["children"]

    column = compile_reader(reader, contract.record, contract.record)(payload)[0]
    text = json.dumps(child["children"][0], separators=(",", ":"))
    assert column == {"name": "x", "children": [{"name": "x", "children": [text]}]}
    assert compile_reader(reader, plain.record, contract.record)(payload)[0] == column, "of a version without columns"
    of_columns = compile_reader(reader, contract.record, plain.record)(payload)[0]
    assert [json.loads(each) for each in of_columns["children"]] == [child]
    assert fields_to_json(contract.record, contract.decode(payload))["f"] == tree


@pytest.mark.parametrize(
    ("field", "why"),
    [
        pytest.param(("f", "string", {"column_levels": 1}), "not a field with a record within itself", id="a text"),
        pytest.param(("f", a_record("N", ("n", ["null", "N"], {"column_levels": 15}))), "more than 14", id="15 levels"),
        pytest.param(
            ("f", a_record("N", *((each, ["null", "N"], {"column_levels": 3}) for each in "abcd"))),
            "more columns than a table has",
            id="too many columns",
        ),
        pytest.param(
            ("f", a_record("N", *((each, ["null", "N"], {"column_levels": 14}) for each in "ab"))),
            "nested deeper",
            id="two fields of many levels",
        ),
    ],
)
def test_levels_that_cannot_be_columns_are_refused(field: Any, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        a_contract(field)


@EACH_READER
def test_levels_are_bounded(reader: str) -> None:
    contract = a_contract(("f", a_node()))
    decode = compile_reader(reader, contract.record, contract.record)

    decode(a_payload(contract, a_tree(MOST_LEVELS)))
    deep = a_payload(contract, a_tree(MOST_LEVELS)).replace(b"\x08leaf\x00", b"\x02x\x02\x08leaf\x00\x00")
    with pytest.raises(UndecodableError, match=rf"Node within itself more than {MOST_LEVELS} times at byte \d+$"):
        decode(deep)
    with pytest.raises(UndecodableError):
        decode(b"\x02x\x02" * 200_000)
    with pytest.raises(InvalidEventError, match=f"more than {MOST_LEVELS} times"):
        a_payload(contract, a_tree(MOST_LEVELS + 1))


@EACH_READER
def test_what_a_byte_becomes_in_json_is_bounded(reader: str) -> None:
    names = [(f"{'long_name_' * 10}{number}", ["null", "long"]) for number in range(100)]
    contract = a_contract(("f", a_record("Wide", *names, ("more", {"type": "array", "items": "Wide"}))))
    wide = bytes(101)
    payload = bytes(100) + b"\x80\x02" + wide * 128 + b"\x00" + bytes(8)

    with pytest.raises(UndecodableError, match=rf"columns of more than {MAX_COLUMN_BYTES} bytes"):
        compile_reader(reader, contract.record, contract.record)(
            bytes(100) + b"\x02" + bytes(100) + b"\x80\x20" + wide * 2_048 + b"\x00\x00" + bytes(8)
        )
    with pytest.raises(UndecodableError, match="bytes follow"):
        compile_reader(reader, contract.record, contract.record)(payload)


@EACH_READER
@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"\x02x\x02\x02", "f.children[0].name: ends in the middle at byte 3"),
        (b"\x02x\x02\x02\xff\x00\x00", "f.children[0].name: not UTF-8 at byte 3"),
        (b"\x02x\x04\x02y\x00\x02z\x02\x02\xff", "f.children[1].children[0].name: not UTF-8 at byte 9"),
    ],
)
def test_a_bad_value_within_is_refused_in_the_same_words(reader: str, payload: bytes, error: str) -> None:
    contract = a_contract(("f", a_node()))

    with pytest.raises(UndecodableError) as refused:
        compile_reader(reader, contract.record, contract.record)(payload)
    assert str(refused.value) == error


def test_a_record_without_an_end_is_refused() -> None:
    with pytest.raises(ContractError, match="contains itself without end; make the inner one optional"):
        a_contract(("f", a_record("R", ("a", "R"))))


def classified(**annotations: Any) -> Contract:
    tokenise = {"pii": {"kind": "name", "mask": "tokenise"}}
    node = a_record("Node", ("name", "string", tokenise), ("children", CHILDREN, annotations))
    return a_contract(("f", node))


def test_a_personal_field_never_gets_into_json() -> None:
    with pytest.raises(ContractError, match=r"f\.children: a JSON text of Node, which has personal fields") as refused:
        classified()
    assert '"omit" or "redact"' in refused.value.remedy

    for mask in ("omit", "redact"):
        classified(pii={"kind": "name", "mask": mask})
    with pytest.raises(ContractError, match="tokenise does not fit"):
        classified(pii={"kind": "name", "mask": "tokenise"})
