"""How a newer version reads an older one: by defaults of every shape, and by aliases."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from headrace.schemas.encode import encode
from headrace.schemas.encode_field import compile_encoder
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.model import MISSING
from headrace.schemas.registry import Registry
from headrace.schemas.validate import validate
from tests.schemas.test_lint import DATE, ENUM, TIME, a_map, array
from tests.schemas.test_lint import UUID as UUID_TYPE
from tests.support.builders import MOMENT, TIMESTAMP, a_contract, a_decimal, a_record
from tests.support.foreign import READERS, by_fastavro, read
from tests.support.readers import compile_reader

FIXED = {"type": "fixed", "name": "Two", "size": 2}

# A type, its default as JSON of Avro, and the value with which older events are read.
DEFAULTS: dict[str, tuple[Any, Any, Any]] = {
    "a number": ("int", -7, -7),
    "a long": ("long", 2**62, 2**62),
    "a whole double": ("double", 3, 3.0),
    "a float": ("float", 0.1, 0.10000000149011612),
    "true": ("boolean", True, True),
    "a text": ("string", "Zürich", "Zürich"),
    "no text": ("string", "", ""),
    "bytes": ("bytes", "\u00ff\u0000a", b"\xff\x00a"),
    "a fixed": (FIXED, "\u0001\u00fe", b"\x01\xfe"),
    "a symbol": (ENUM, "HEARTS", "HEARTS"),
    "a uuid": (UUID_TYPE, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "a date": (DATE, 20_454, 20_454),
    "a time": (TIME, 1_000_000, 1_000_000),
    "a time of millis": ({"type": "int", "logicalType": "time-millis"}, 1, 1_000),
    "a moment": (TIMESTAMP, 1_700_000_000_000_001, 1_700_000_000_000_001),
    "a moment of millis": ({"type": "long", "logicalType": "timestamp-millis"}, -1, -1_000),
    "a local moment": ({"type": "long", "logicalType": "local-timestamp-micros"}, 5, 5),
    "a local moment of millis": ({"type": "long", "logicalType": "local-timestamp-millis"}, 5, 5_000),
    "a decimal": (a_decimal(9, 2), "\u0004\u00d2", Decimal("12.34")),
    "a negative decimal": (a_decimal(9, 2), "\u00fb\u002e", Decimal("-12.34")),
    "a wide decimal": (a_decimal(60, 30), "\u0001", Decimal("1E-30")),
    "a decimal of a fixed": (a_decimal(9, 2, 4), "\u0000\u0000\u0004\u00d2", Decimal("12.34")),
    "null": (["null", "string"], None, None),
    "null second": (["string", "null"], None, None),
    "the first branch": (["string", "null"], "x", "x"),
    "the second branch": (["null", "string"], "x", "x"),
    "a record in the second branch": (["null", a_record("R", ("a", "int"))], {"a": 3}, {"a": 3}),
    "a union of one": (["int"], 5, 5),
    "no items": (array("int"), [], []),
    "items": (array("int"), [1, 2, 3], [1, 2, 3]),
    "items in unions of one": (array(["string"]), ["a", ""], ["a", ""]),
    "items that are records": (
        array(a_record("R", ("a", "int"), ("b", ["null", DATE]))),
        [{"a": 1, "b": None}, {"a": 2, "b": 3}],
        [{"a": 1, "b": None}, {"a": 2, "b": 3}],
    ),
    "no entries": (a_map("int"), {}, []),
    "entries": (
        a_map(["null", "bytes"]),
        {"a": "\u00ff", "b": None},
        [{"key": "a", "value": b"\xff"}, {"key": "b", "value": None}],
    ),
    "a record": (
        a_record("R", ("a", "int"), ("b", array("string")), ("c", a_record("S", ("d", TIMESTAMP)))),
        {"a": 1, "b": ["x"], "c": {"d": 7}},
        {"a": 1, "b": ["x"], "c": {"d": 7}},
    ),
    "a record whose fields have defaults": (
        a_record("R", ("a", "int", {"default": 4}), ("b", ["null"]), ("c", "string")),
        {"b": None, "c": "x"},
        {"a": 4, "c": "x"},
    ),
}


def two_versions(type_: Any, default: Any, name: str = "f") -> Registry:
    """A contract whose second version has one more field, with a default."""
    first = a_contract(("n", "int"))
    second = a_contract(("n", "int"), (name, type_, {"default": default}), version=2)
    return Registry({first.ref: first, second.ref: second})


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", DEFAULTS)
def test_older_events_are_read_with_any_legal_default(kind: str, name: str) -> None:
    type_, default, value = DEFAULTS[name]
    older, newer = two_versions(type_, default)
    data = by_fastavro(json.loads(older.json), {"n": 1, "at": MOMENT})

    assert read(kind, older, newer, data) == {"n": 1, "f": value}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", DEFAULTS)
def test_older_items_are_read_with_any_legal_default(kind: str, name: str) -> None:
    type_, default, value = DEFAULTS[name]
    older = a_contract(("rows", array(a_record("Row", ("n", "int")))))
    newer = a_contract(("rows", array(a_record("Row", ("n", "int"), ("f", type_, {"default": default})))), version=2)
    data = by_fastavro(json.loads(older.json), {"rows": [{"n": 1}, {"n": 2}], "at": MOMENT})

    assert read(kind, older, newer, data) == {"rows": [{"n": 1, "f": value}, {"n": 2, "f": value}]}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_producer_may_leave_out_a_field_with_any_legal_default(name: str) -> None:
    type_, default, value = DEFAULTS[name]
    contract = a_contract(("f", type_, {"default": default}))
    field, _ = contract.record.fields
    data = encode(contract, validate(contract.record, {"at": MOMENT}))

    assert contract.decode(data)[0] == value
    assert data.startswith(compile_encoder(contract, field)(MISSING))
    assert encode(contract, validate(contract.record, {"f": field.default, "at": MOMENT})) == data, "it is a value"


def test_a_default_within_an_array_counts_with_the_width_of_its_columns() -> None:
    older = a_contract(("rows", array(a_record("Row", ("n", "int")))))
    newer = a_contract(
        ("rows", array(a_record("Row", ("n", "int"), ("f", array("string"), {"default": ["x" * 1_000] * 30})))),
        version=2,
    )
    readers = [compile_reader(kind, older.record, newer.record) for kind in READERS]
    few, many = (
        by_fastavro(json.loads(older.json), {"rows": [{"n": 1}] * count, "at": MOMENT}) for count in (500, 600)
    )

    for decode in readers:
        assert len(decode(few)[0]) == 500
        with pytest.raises(UndecodableError, match="columns of more than 16777216 bytes"):
            decode(many)


@pytest.mark.parametrize("kind", READERS)
def test_a_null_of_an_older_version_is_null_in_an_optional_field(kind: str) -> None:
    older = a_contract(("f", "null"), ("g", ["null"]), ("n", "int"))
    newer = a_contract(("f", ["string", "null"], {"default": "x"}), ("g", ["null", "int"]), ("n", "int"), version=2)
    data = by_fastavro(json.loads(older.json), {"f": None, "g": None, "n": 1, "at": MOMENT})

    assert read(kind, older, newer, data) == {"f": None, "g": None, "n": 1}


@pytest.mark.parametrize("kind", READERS)
def test_a_null_of_an_older_version_had_no_column_whose_name_could_change(kind: str) -> None:
    older, newer = a_contract(("x-y", "null")), a_contract(("x-y", ["null", "int"]), version=2)
    registry = Registry({older.ref: older, newer.ref: newer})
    data = by_fastavro(json.loads(older.json), {"x-y": None, "at": MOMENT})

    assert list(read(kind, older, registry.latest("thing_happened"), data).values()) == [None]


def test_a_null_of_an_older_version_is_no_text() -> None:
    older, newer = a_contract(("f", "null")), a_contract(("f", "string", {"default": "x"}), version=2)

    with pytest.raises(ContractError, match=r"f: events of v1 cannot be read \(\w+\): null cannot be read as string"):
        Registry({older.ref: older, newer.ref: newer})


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(("one", "other"), [(["int"], "int"), ("int", ["int"]), (["int"], ["null", "long"])])
def test_a_union_of_one_and_its_type_read_each_other(kind: str, one: Any, other: Any) -> None:
    older, newer = a_contract(("f", one)), a_contract(("f", other), version=2)
    registry = Registry({older.ref: older, newer.ref: newer})
    data = by_fastavro(json.loads(older.json), {"f": -3, "at": MOMENT})

    assert read(kind, older, registry.latest("thing_happened"), data) == {"f": -3}


@pytest.mark.parametrize("kind", READERS)
def test_an_alias_names_the_field_of_an_older_version(kind: str) -> None:
    older = a_contract(
        ("mail", "string"), ("rows", array(a_record("Row", ("cost", "int"), ("kept", "int")))), ("gone", "int")
    )
    row = a_record("Line", ("price", "long", {"aliases": ["amount", "cost"]}), ("kept", "int")) | {"aliases": ["Row"]}
    newer = a_contract(
        ("lines", array(row), {"aliases": ["rows"]}),
        ("email", "string", {"aliases": ["mail", "e_mail"], "default": "none"}),
        version=2,
    )
    registry = Registry({older.ref: older, newer.ref: newer})
    event = {"mail": "a@b", "rows": [{"cost": 1, "kept": 2}], "gone": 3, "at": MOMENT}
    data = by_fastavro(json.loads(older.json), event)

    found = read(kind, older, registry.latest("thing_happened"), data)
    theirs: Any = fastavro.schemaless_reader(io.BytesIO(data), json.loads(older.json), json.loads(newer.json))

    assert found == {"lines": [{"price": 1, "kept": 2}], "email": "a@b"}
    assert {name: theirs[name] for name in found} == found, "as fastavro reads it"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([("c", "int", {"aliases": ["a", "b"]})], id="two fields for one alias"),
        pytest.param([("c", "int", {"aliases": ["a"]}), ("a", "int")], id="a field and an alias"),
        pytest.param([("c", "int", {"aliases": ["a"]}), ("d", "int", {"aliases": ["a"]})], id="an alias twice"),
    ],
)
def test_aliases_that_leave_open_what_they_mean_are_refused(fields: Any) -> None:
    older, newer = a_contract(("a", "int"), ("b", "int")), a_contract(*fields, version=2)

    with pytest.raises(ContractError, match=r"leave open which field .* it is; let each older field be the name"):
        Registry({older.ref: older, newer.ref: newer})

    clear = a_contract(("c", "int", {"aliases": ["a"]}), ("d", "int", {"aliases": ["b"]}), version=2)
    assert Registry({older.ref: older, clear.ref: clear}).subjects


def test_defaults_are_values_as_the_sdk_takes_them() -> None:
    names = (
        "a date",
        "a time",
        "a moment",
        "a local moment",
        "a decimal",
        "a uuid",
        "a record whose fields have defaults",
    )
    fields = a_contract(
        *((name.replace(" ", "_"), DEFAULTS[name][0], {"default": DEFAULTS[name][1]}) for name in names)
    ).record.fields

    assert [field.default for field in fields[:-1]] == [
        date(2026, 1, 1),
        time(0, 0, 1),
        datetime(2023, 11, 14, 22, 13, 20, 1, UTC),
        datetime(1970, 1, 1, 0, 0, 0, 5),
        Decimal("12.34"),
        "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        {"c": "x"},
    ]
