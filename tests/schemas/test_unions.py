"""Unions of several types: their names, their values in the SDK and in JSON, and Avro's rules across versions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.schemas.encode import encode
from headrace.schemas.errors import ContractError, InvalidEventError, UndecodableError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.unions import member_names
from headrace.schemas.validate import validate
from tests.support.builders import MOMENT, a_contract, a_record
from tests.support.readers import compile_reader

READERS = ["values", "compiled", "fallback"]
EACH_READER = pytest.mark.parametrize("reader", READERS)
CARD = a_record("Card", ("number", "string"), ("tries", "int", {"default": 3})) | {"namespace": "shop"}
BANK = a_record("Bank", ("iban", "string")) | {"namespace": "shop"}
PAYMENT = ["string", "null", CARD, BANK, {"type": "array", "items": "long"}]
NOTHING: dict[str, Any] = {"string_value": None, "shop_Card_value": None, "shop_Bank_value": None, "array_value": []}
AT = {"at": MOMENT}


def a_payload(contract: Contract, value: Any) -> bytes:
    return encode(contract, validate(contract.record, {"f": value} | AT))


def read(reader: str, writer: Contract, newest: Contract, value: Any) -> Any:
    """What the column ``f`` of *newest* holds of an event of *writer*."""
    return compile_reader(reader, writer.record, newest.record)(a_payload(writer, value))[0]


@EACH_READER
@pytest.mark.parametrize(
    ("value", "column"),
    [
        pytest.param(None, None, id="null"),
        pytest.param("cash", NOTHING | {"string_value": "cash"}, id="the only branch that fits"),
        pytest.param({"string": "cash"}, NOTHING | {"string_value": "cash"}, id="a named text"),
        pytest.param(
            {"shop.Card": {"number": "4", "tries": 1}},
            NOTHING | {"shop_Card_value": {"number": "4", "tries": 1}},
            id="a record",
        ),
        pytest.param(
            {"shop.Card": {"number": "4"}},
            NOTHING | {"shop_Card_value": {"number": "4", "tries": 3}},
            id="a record without the field of a default",
        ),
        pytest.param({"iban": "DE"}, NOTHING | {"shop_Bank_value": {"iban": "DE"}}, id="the only record that fits"),
        pytest.param([1, 2], NOTHING | {"array_value": [1, 2]}, id="an array"),
    ],
)
def test_a_value_is_in_the_member_of_its_branch(reader: str, value: Any, column: Any) -> None:
    contract = a_contract(("f", PAYMENT))

    assert read(reader, contract, contract, value) == column


@pytest.mark.parametrize(
    ("type_", "value", "why"),
    [
        pytest.param(["string", "long"], 1.5, "fits no branch", id="of no branch"),
        pytest.param(["string", "long"], None, "fits no branch", id="null without null"),
        pytest.param(["int", "long"], 7, "fits several branches", id="of two branches"),
        pytest.param([CARD, {"type": "map", "values": "string"}], {"number": "4"}, "fits several", id="record or map"),
        pytest.param(["string", CARD], {"shop.Card": {"number": 4}}, "f.shop_Card_value.number: not", id="within"),
    ],
)
def test_a_value_that_no_single_branch_holds_is_refused(type_: Any, value: Any, why: str) -> None:
    contract = a_contract(("f", type_))

    with pytest.raises(InvalidEventError, match=why) as refused:
        a_payload(contract, value)
    assert "4" not in str(refused.value)


@pytest.mark.parametrize("value", [None, {"string": "x"}, {"shop.Bank": {"iban": "DE"}}, {"array": []}, {"array": [7]}])
def test_json_and_the_payload_say_the_same(value: Any) -> None:
    contract = a_contract(("f", PAYMENT))
    payload = a_payload(contract, value)

    event = fields_to_json(contract.record, contract.decode(payload))
    assert event["f"] == value
    assert encode(
        contract, validate(contract.record, fields_from_json(contract.record, json.loads(json.dumps(event))))
    ) == (payload)


def test_json_of_one_branch_is_read_as_that_branch() -> None:
    day = {"type": "int", "logicalType": "date"}
    contract = a_contract(("f", ["null", day, "bytes"]))

    read_back = validate(contract.record, fields_from_json(contract.record, {"f": {"int": "2026-11-20"}}) | AT)
    assert read_back["f"]["int"].isoformat() == "2026-11-20"
    with pytest.raises(InvalidEventError, match="several branches"):
        fields_from_json(a_contract(("f", ["string", day])).record, {"f": "2026-11-20"})


def test_names_of_members_are_those_of_bigquery_and_never_collide() -> None:
    assert member_names(["null.x", "long", "shop.Card"]) == ["null_x_value", "long_value", "shop_Card_value"]
    plain, upper = member_names(["shop.Card", "shop.CARD"])
    assert plain.lower() != upper.lower()
    assert member_names(["shop.CARD", "shop.Card", "string"]) == [upper, plain, "string_value"], "in any order"


@EACH_READER
@pytest.mark.parametrize(
    ("old", "new", "value", "column"),
    [
        pytest.param(["int", "string"], ["string", "int"], 7, {"string_value": None, "int_value": 7}, id="moved"),
        pytest.param(
            ["int", "string"],
            ["null", "boolean", "int", "string"],
            "x",
            {"boolean_value": None, "int_value": None, "string_value": "x"},
            id="added",
        ),
        pytest.param("string", ["null", "int", "string"], "x", {"int_value": None, "string_value": "x"}, id="a type"),
        pytest.param(["null", "long"], ["long", "string", "null"], None, None, id="null"),
        pytest.param(
            ["long", "null"], ["string", "null", "long"], 5, {"string_value": None, "long_value": 5}, id="optional"
        ),
        pytest.param(
            "int", ["string", "long"], 5, {"string_value": None, "long_value": 5}, id="promoted, for want of another"
        ),
        pytest.param(
            "int", ["double", "int"], 5, {"double_value": None, "int_value": 5}, id="not promoted beside its own type"
        ),
        pytest.param(["null", "int", "string"], ["null", "string"], "x", "x", id="to one type"),
        pytest.param(["null", "int", "string"], ["null", "string"], None, None, id="to null"),
        pytest.param(
            [BANK, a_record("Cash", ("iban", "string"))],
            [a_record("Cash", ("iban", "string")), BANK],
            {"shop.Bank": {"iban": "DE"}},
            {"Cash_value": None, "shop_Bank_value": {"iban": "DE"}},
            id="records of the same fields",
        ),
        pytest.param(
            ["null", "int", {"type": "array", "items": "int"}],
            ["null", {"type": "array", "items": "int"}],
            None,
            [],
            id="to no list",
        ),
    ],
)
def test_a_newer_version_reads_an_older_one(reader: str, old: Any, new: Any, value: Any, column: Any) -> None:
    assert read(reader, a_contract(("f", old)), a_contract(("f", new)), value) == column


@EACH_READER
@pytest.mark.parametrize(
    ("old", "new", "readable", "unreadable"),
    [
        pytest.param(["int", "string"], "string", "x", 7, id="one type left"),
        pytest.param(["null", "int", "string"], "string", "x", None, id="null gone"),
        pytest.param(["int", "string", "boolean"], ["string", "boolean"], "x", 7, id="a branch gone"),
        pytest.param([CARD, BANK], [BANK, "string"], {"iban": "DE"}, {"shop.Card": {"number": "4"}}, id="record gone"),
    ],
)
def test_a_branch_that_the_newer_version_lacks_is_refused_when_it_comes(
    reader: str, old: Any, new: Any, readable: Any, unreadable: Any
) -> None:
    writer, newest = a_contract(("f", old)), a_contract(("f", new))

    read(reader, writer, newest, readable)
    with pytest.raises(
        UndecodableError, match=r"^f: a branch of its union that the newest version cannot read at byte 0$"
    ):
        read(reader, writer, newest, unreadable)


def test_a_version_of_which_no_branch_can_be_read_is_refused_at_once() -> None:
    versions = [a_contract(("f", ["int", "string"])), a_contract(("f", "boolean"), version=2)]

    with pytest.raises(
        ContractError, match=r"v2\.f\.int_value: events of v1 cannot be read(?: \(\w+\))?: int cannot be read"
    ):
        Registry({each.ref: each for each in versions})


@EACH_READER
@pytest.mark.parametrize(
    ("payload", "error"),
    [
        pytest.param(b"\x0a", "f: no branch of its union at byte 0", id="beyond the branches"),
        pytest.param(b"\x01", "f: no branch of its union at byte 0", id="a negative index"),
        pytest.param(b"\x80\x00", "f: an integer longer than it needs to be at byte 0", id="a long index"),
        pytest.param(b"", "f: ends in the middle at byte 0", id="nothing"),
        pytest.param(b"\x00\x02", "f.string_value: ends in the middle at byte 1", id="a cut text"),
        pytest.param(b"\x04\x02\xff\x00", "f.shop_Card_value.number: not UTF-8 at byte 1", id="a bad text"),
        pytest.param(b"\x08\x02\x00\x00", "at: ends in the middle at byte 4", id="what follows"),
    ],
)
def test_a_bad_union_is_refused_in_the_same_words(reader: str, payload: bytes, error: str) -> None:
    contract = a_contract(("f", PAYMENT))

    with pytest.raises(UndecodableError) as refused:
        compile_reader(reader, contract.record, contract.record)(payload)
    assert str(refused.value) == error
