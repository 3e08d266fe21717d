"""The registry: which contracts there are, and what makes two of them different."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import SchemaRef
from schemas.errors import ContractError, UnknownSchemaError
from schemas.model import MISSING
from schemas.registry import MAX_FILE_BYTES, Contract, Registry, parse_contract
from tests.builders import BOOKING, FLIGHT, PACKAGE, a_booking, contract_json, encode


def test_the_contracts_of_the_package_load() -> None:
    assert PACKAGE.subjects == ("booking_created", "flight_departed")
    assert [str(contract.ref) for contract in PACKAGE] == [
        "headrace:booking_created:1",
        "headrace:booking_created:2",
        "headrace:flight_departed:1",
    ]
    assert PACKAGE.latest("booking_created") is BOOKING
    assert FLIGHT.doc == "A scheduled flight left its gate, or was cancelled."


def test_an_unknown_contract_is_named() -> None:
    with pytest.raises(UnknownSchemaError, match=r"no contract flight_departed\.v9 here"):
        PACKAGE[SchemaRef("flight_departed", 9)]
    with pytest.raises(UnknownSchemaError, match="no contract for subject 'train_departed' here"):
        PACKAGE.latest("train_departed")


def field(avro: dict[str, Any], name: str) -> dict[str, Any]:
    return next(field for field in avro["fields"] if field["name"] == name)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a mask": lambda avro: field(avro, "email")["pii"].update(mask="redact"),
    "a mask's parameter": lambda avro: field(avro, "phone")["pii"].update(keep_last=3),
    "a decimal's scale": lambda avro: field(avro, "total")["type"].update(scale=8),
    "a default": lambda avro: field(avro, "tags").pop("default"),
    "an enum's default": lambda avro: field(avro, "channel")["type"].update(default="WEB"),
    "a logical type": lambda avro: field(avro, "booking_id").update(type="string"),
    "a table option": lambda avro: avro["headrace"].update(late_after="31d"),
    "a doc": lambda avro: field(avro, "paid").update(doc="Paid or not"),
    "the order of fields": lambda avro: avro["fields"].reverse(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_fingerprint_changes_with_everything_a_contract_says(name: str) -> None:
    avro = json.loads(BOOKING.json)
    CHANGES[name](avro)

    assert parse_contract(BOOKING.ref, json.dumps(avro)).fingerprint != BOOKING.fingerprint


def test_the_fingerprint_ignores_layout_and_the_order_of_keys() -> None:
    avro = dict(reversed(json.loads(BOOKING.json).items()))

    assert parse_contract(BOOKING.ref, json.dumps(avro, indent=7)).fingerprint == BOOKING.fingerprint


@pytest.mark.parametrize("again", [lambda it: pickle.loads(pickle.dumps(it)), copy.deepcopy], ids=["pickled", "copied"])
def test_a_contract_is_itself_after_a_journey(again: Callable[[Any], Any]) -> None:
    contract: Contract = again(BOOKING)

    assert contract == BOOKING
    assert again(BOOKING.record) == BOOKING.record
    assert again(BOOKING.record).fields[0].default is MISSING
    assert encode(contract, a_booking()) == encode(BOOKING, a_booking())


def load(folder: Path, **files: Any) -> Registry:
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name.replace("__", ".")).write_text(text)
    return Registry.load(folder)


def refusal(folder: Path, **files: Any) -> str:
    with pytest.raises(ContractError) as raised:
        load(folder, **files)
    return str(raised.value)


def test_the_newest_version_is_the_highest_number(tmp_path: Path) -> None:
    registry = load(tmp_path, **{f"thing_happened__v{version}__avsc": contract_json() for version in (2, 10, 9)})

    assert registry.latest("thing_happened").ref == SchemaRef("thing_happened", 10)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("thing_happened.avsc", id="no version"),
        pytest.param("thing_happened.v0.avsc", id="version 0"),
        pytest.param("thing_happened.v01.avsc", id="a leading zero"),
        pytest.param("thing_happened.v1000000.avsc", id="a version no message can name"),
        pytest.param("thing_happened.v\u00b2.avsc", id="a superscript"),
        pytest.param("ThingHappened.v1.avsc", id="upper case"),
        pytest.param("th.v1.avsc", id="a short subject"),
        pytest.param("thing-happened.v1.avsc", id="a hyphen"),
        pytest.param(".v1.avsc", id="no subject"),
    ],
)
def test_a_file_of_another_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(json.dumps(contract_json()))

    with pytest.raises(ContractError, match=r"not the name of a contract; call it <subject>\.v<N>\.avsc"):
        Registry.load(tmp_path)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    assert load(tmp_path, README__md="read me", thing_happened__v1__avsc=contract_json()).subjects


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "no .avsc file; name a folder" in refusal(tmp_path)


def test_two_subjects_never_share_a_table(tmp_path: Path) -> None:
    message = refusal(tmp_path, one_thing__v1__avsc=contract_json(), two_things__v1__avsc=contract_json())

    assert message == "two_things: one_thing already writes table things; name another table"


def test_two_versions_share_their_table(tmp_path: Path) -> None:
    assert load(tmp_path, one_thing__v1__avsc=contract_json(), one_thing__v2__avsc=contract_json())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param('{"type": "record", "type": "record"}', "a key stands twice in one object", id="a key twice"),
        pytest.param('{"a": [{"b": 1, "b": 2}]}', "a key stands twice in one object", id="a nested key twice"),
        pytest.param("{", "not JSON", id="half an object"),
        pytest.param("[" * 100_000, "not JSON", id="brackets without end"),
        pytest.param("[]", "not a record", id="a list"),
        pytest.param('"string"', "not a record", id="a primitive"),
        pytest.param('{"type": "enum", "name": "E", "symbols": ["A"]}', "not a record", id="an enum"),
        pytest.param(" " * (MAX_FILE_BYTES + 1), "larger than 1048576 bytes", id="a large file"),
    ],
)
def test_a_file_that_is_no_contract_is_refused(tmp_path: Path, text: str, why: str) -> None:
    assert why in refusal(tmp_path, thing_happened__v1__avsc=text)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing_happened.v1.avsc").write_bytes(b"\xff\xfe{}")

    with pytest.raises(ContractError, match=r"^thing_happened\.v1\.avsc: not UTF-8; save it as UTF-8$"):
        Registry.load(tmp_path)


def test_a_name_that_avro_resolves_otherwise_is_refused() -> None:
    avro = contract_json(("one", {"type": "fixed", "name": "F", "namespace": "a", "size": 1}), ("two", "b.F"))

    with pytest.raises(ContractError, match=r"^thing_happened\.v1: fastavro refuses it \(b\.F\); "):
        parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))


def test_a_named_type_is_used_again_by_its_name() -> None:
    avro = contract_json(("one", {"type": "fixed", "name": "F", "size": 1}), ("two", "F"))
    one, two, _ = parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro)).record.fields

    assert one.type == two.type
