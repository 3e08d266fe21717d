"""The registry: which contracts there are, and what makes two of them different."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError, UnknownSchemaError
from headrace.schemas.folder import MAX_FILE_BYTES
from headrace.schemas.model import MISSING
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.schemas.samples import SAMPLES
from tests.support.builders import BOOKING, FLIGHT, PACKAGE, a_booking, a_contract, contract_json, encode


def test_the_contracts_of_the_package_load() -> None:
    assert PACKAGE.subjects == ("booking_created", "flight_departed")
    assert [str(contract.ref) for contract in PACKAGE] == [
        "headrace:booking_created:1",
        "headrace:booking_created:2",
        "headrace:flight_departed:1",
    ]
    assert PACKAGE.latest("booking_created") is BOOKING
    assert FLIGHT.doc == "A scheduled flight left its gate, or was cancelled."


def test_an_unknown_contract_is_named_with_the_place_and_what_there_is() -> None:
    with pytest.raises(UnknownSchemaError, match=r"no contract flight_departed\.v9 here"):
        PACKAGE[SchemaRef("flight_departed", 9)]
    with pytest.raises(UnknownSchemaError) as unknown:
        PACKAGE.latest("order_placed")
    assert str(unknown.value) == (
        f"no contract for subject 'order_placed' in {SAMPLES}; add order_placed.v1.avsc, or use one of: "
        "booking_created, flight_departed"
    )
    with pytest.raises(UnknownSchemaError, match="did you mean flight_departed"):
        PACKAGE.latest("flights_departed")


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
        pytest.param("google_clicked.v1.avsc", id="a topic's name that Pub/Sub reserves"),
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

    assert message.splitlines() == [
        "one_thing.v1.avsc:1: one_thing.v1.headrace.table: two_things writes table things too; "
        "name another table in one of them",
        "two_things.v1.avsc:1: two_things.v1.headrace.table: one_thing writes table things too; "
        "name another table in one of them",
    ]


def test_an_older_version_that_the_newest_cannot_read_is_refused_with_its_remedy(tmp_path: Path) -> None:
    files = {
        "order_placed__v1__avsc": contract_json(("amount", "int")),
        "order_placed__v2__avsc": contract_json(("amount", "string")),
    }
    assert refusal(tmp_path, **files) == (
        "order_placed.v2.avsc:1: order_placed.v2.amount: events of v1 cannot be read (TYPE_CHANGED): "
        "int cannot be read as string; "
        "keep the type, and add a new field with a default instead"
    )
    files["order_placed__v2__avsc"] = contract_json(("amount", "int"), ("gate", "string"))
    assert refusal(tmp_path, **files) == (
        "order_placed.v2.avsc:1: order_placed.v2.gate: events of v1 cannot be read (FIELD_ADDED_WITHOUT_DEFAULT): "
        "it is new and has no default; "
        'give it one, or make it ["null", type] with "default": null'
    )
    files["order_placed__v3__avsc"] = contract_json(("amount", "int"), ("gate", "string", {"default": ""}))
    assert load(tmp_path, **files).latest("order_placed").ref.version == 3, "a later version corrects it"


GOOD = contract_json(table="good")
BLOCKING: dict[str, tuple[dict[str, Any], str]] = {
    "a type that changes": (
        {"bad_thing__v1__avsc": contract_json(("n", "int")), "bad_thing__v2__avsc": contract_json(("n", "string"))},
        "bad_thing.v2.n: events of v1 cannot be read",
    ),
    "a new field without default": (
        {"bad_thing__v1__avsc": contract_json(), "bad_thing__v2__avsc": contract_json(("n", "string"))},
        "bad_thing.v2.n: events of v1 cannot be read (FIELD_ADDED_WITHOUT_DEFAULT): it is new and has no default",
    ),
    "a broken newer version": (
        {"bad_thing__v1__avsc": contract_json(), "bad_thing__v2__avsc": "{"},
        "bad_thing.v2: not JSON",
    ),
    "a rule that is broken": ({"bad_thing__v1__avsc": contract_json(late_after=None)}, "bad_thing.v1.headrace.late"),
    "a version that no message can name": (
        {"bad_thing__v1__avsc": contract_json(), "bad_thing__v02__avsc": contract_json()},
        "bad_thing.v02.avsc: not the name of a contract",
    ),
}


@pytest.mark.parametrize("name", BLOCKING)
def test_a_contract_that_is_refused_blocks_its_subject_alone(tmp_path: Path, name: str) -> None:
    files, why = BLOCKING[name]
    assert why in refusal(tmp_path, good_thing__v1__avsc=GOOD, **files)

    registry = Registry.load_serviceable(tmp_path)

    assert registry.subjects == ("good_thing",)
    assert registry.blocked_subjects == ("bad_thing",)
    assert why in str(registry.blocked["bad_thing"])
    with pytest.raises(UnknownSchemaError, match=r"^subject bad_thing is blocked: bad_thing\.v"):
        registry.latest("bad_thing")
    assert {each.subject for each in registry} == {"good_thing"}
    assert str(pickle.loads(pickle.dumps(registry)).blocked["bad_thing"]) == str(registry.blocked["bad_thing"])


def test_two_subjects_of_one_table_are_both_blocked(tmp_path: Path) -> None:
    files = {f"{name}_thing__v1__avsc": contract_json() for name in ("one", "other")}
    with pytest.raises(ContractError):
        load(tmp_path, good_thing__v1__avsc=GOOD, **files)

    assert Registry.load_serviceable(tmp_path).blocked_subjects == ("one_thing", "other_thing")


def test_a_file_that_names_no_subject_is_named_itself(tmp_path: Path) -> None:
    with pytest.raises(ContractError):
        load(tmp_path, good_thing__v1__avsc=GOOD, BadThing__v1__avsc=contract_json())

    registry = Registry.load_serviceable(tmp_path)
    assert (registry.subjects, list(registry.blocked)) == (("good_thing",), ["BadThing.v1.avsc"])
    assert registry.blocked_subjects == ()


def test_a_folder_without_a_subject_that_can_be_served_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad_thing.v1.avsc").write_text("{")
    with pytest.raises(ContractError, match=r"^bad_thing\.v1\.avsc:1: bad_thing\.v1: not JSON"):
        Registry.load_serviceable(tmp_path)


def test_two_versions_share_their_table(tmp_path: Path) -> None:
    assert load(tmp_path, one_thing__v1__avsc=contract_json(), one_thing__v2__avsc=contract_json())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param('{"type": "record", "type": "record"}', "key 'type' twice in one object", id="a key twice"),
        pytest.param('{"a": [{"b": 1, "b": 2}]}', "key 'b' twice in one object", id="a nested key twice"),
        pytest.param("{", "not JSON", id="half an object"),
        pytest.param("[" * 100_000, "not JSON (nested too deeply)", id="brackets without end"),
        pytest.param("[]", "a list without a record", id="a list"),
        pytest.param('"string"', "not a record", id="a primitive"),
        pytest.param('{"type": "enum", "name": "E", "symbols": ["A"]}', "not a record", id="an enum"),
        pytest.param(" " * (MAX_FILE_BYTES + 1), "larger than 1048576 bytes", id="a large file"),
    ],
)
def test_a_file_that_is_no_contract_is_refused(tmp_path: Path, text: str, why: str) -> None:
    assert why in refusal(tmp_path, thing_happened__v1__avsc=text)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing_happened.v1.avsc").write_bytes(b'{"doc": "\xe9"}')

    with pytest.raises(ContractError, match=r"^thing_happened\.v1\.avsc: not UTF-8 at byte 9; save it as UTF-8$"):
        Registry.load(tmp_path)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "thing_happened.v1.avsc").write_text(json.dumps(contract_json()), encoding="utf-8-sig")

    assert Registry.load(tmp_path).latest("thing_happened").record == a_contract().record


def test_a_file_in_utf_16_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing_happened.v1.avsc").write_text(json.dumps(contract_json()), encoding="utf-16")

    with pytest.raises(ContractError, match=r"avsc: UTF-16 text; save it as UTF-8$"):
        Registry.load(tmp_path)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (lambda path: path.mkdir(), "a folder, not a file; remove it"),
    "a pipe": (os.mkfifo, "a device, a pipe or a socket, not a file; remove it"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "a device, a pipe or a socket, not a file"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "cannot be read (Too many levels of symbolic links)"),
    "a link to nothing": (lambda path: path.symlink_to("nothing"), "cannot be read (No such file or directory)"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_file_is_named_at_once(tmp_path: Path, name: str) -> None:
    make, why = ODD[name]
    make(tmp_path / "odd_thing.v1.avsc")
    (tmp_path / "good_thing.v1.avsc").write_text(json.dumps(GOOD))

    with pytest.raises(ContractError, match=rf"^odd_thing\.v1\.avsc: {re.escape(why)}"):
        Registry.load(tmp_path)
    assert Registry.load_serviceable(tmp_path).blocked_subjects == ("odd_thing",)


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(json.dumps(GOOD))
    (tmp_path / "good_thing.v1.avsc").symlink_to("elsewhere")  # as Kubernetes mounts a ConfigMap

    assert Registry.load(tmp_path).subjects == ("good_thing",)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ContractError, match=r"no_such: the folder cannot be read \(No such file or directory\); name a"
    ):
        Registry.load(tmp_path / "no_such")


def test_a_name_that_avro_resolves_otherwise_is_refused() -> None:
    avro = contract_json(("one", {"type": "fixed", "name": "F", "namespace": "a", "size": 1}), ("two", "b.F"))

    with pytest.raises(ContractError, match=r"^thing_happened\.v1\.two: unknown type 'b\.F'; write a\.F$"):
        parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))


def test_a_named_type_is_used_again_by_its_name() -> None:
    avro = contract_json(("one", {"type": "fixed", "name": "F", "size": 1}), ("two", "F"))
    one, two, _ = parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro)).record.fields

    assert one.type == two.type
