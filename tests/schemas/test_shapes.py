"""Shapes of schemas that exist: written by fastavro from the schema itself, and read by every decoder, by value."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.encode import encode
from headrace.schemas.encode_field import compile_encoder
from headrace.schemas.envelope import SchemaRef, to_micros
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.model import MISSING
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.trace import trace
from headrace.schemas.validate import validate
from tests.schemas.test_lint import DATE, ENUM, TIME, a_map, array
from tests.schemas.test_lint import UUID as UUID_TYPE
from tests.support.builders import MOMENT, TIMESTAMP, a_contract, a_decimal, a_record, contract_json
from tests.support.readers import compile_reader

READERS = ("values", "compiled", "fallback")
EMPTY = {"type": "record", "name": "Empty", "fields": []}
FIXED = {"type": "fixed", "name": "Two", "size": 2}


def by_fastavro(avro: dict[str, Any], event: dict[str, Any]) -> bytes:
    """The payload of another producer, which knows nothing of us."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(avro), event)
    return out.getvalue()


def read(kind: str, writer: Contract, reader: Contract, data: bytes) -> dict[str, Any]:
    """The values by column, without the event time."""
    values = compile_reader(kind, writer.record, reader.record)(data)
    return {
        field.column: value for field, value in zip(reader.record.fields, values, strict=True) if field.name != "at"
    }


# The field, what a producer writes, and the column; a shape without a column has none.
SHAPES: dict[str, tuple[Any, Any, Any]] = {
    "a union of one type": (["string"], "x", "x"),
    "an array of unions of one": (array(["int"]), [1, -2], [1, -2]),
    "a map of unions of one": (a_map(["string"]), {"k": "v"}, [{"key": "k", "value": "v"}]),
    "a record in a union of one": ([a_record("R", ("a", ["int"]))], {"a": 7}, {"a": 7}),
    "null": ("null", None, MISSING),
    "an annotated null": ({"type": "null"}, None, MISSING),
    "a union of null alone": (["null"], None, MISSING),
    "a record without fields": (EMPTY, {}, MISSING),
    "a record of nulls": (a_record("R", ("a", "null"), ("b", ["null"]), ("c", EMPTY)), {"c": {}}, MISSING),
    "an optional record without fields": (["null", EMPTY], {}, MISSING),
    "no record without fields": ([EMPTY, "null"], None, MISSING),
    "nulls in a record": (
        a_record("R", ("a", ["null"]), ("b", "int"), ("c", "null"), ("d", ["null"])),
        {"b": 3},
        {"b": 3},
    ),
    "nulls in items": (array(a_record("R", ("a", ["null"]), ("b", "int"))), [{"b": 3}, {"b": 4}], [{"b": 3}, {"b": 4}]),
    "a duration": ({"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}, b"x" * 12, b"x" * 12),
    "nanoseconds": ({"type": "long", "logicalType": "timestamp-nanos"}, 2**62, 2**62),
    "local nanoseconds": ({"type": "long", "logicalType": "local-timestamp-nanos"}, -5, -5),
    "an unknown logical type": ({"type": "string", "logicalType": "email"}, "x", "x"),
    "a date on a long": ({"type": "long", "logicalType": "date"}, 7, 7),
    "a decimal on a string": ({"type": "string", "logicalType": "decimal", "precision": 4}, "1.5", "1.5"),
    "a logical type on an array": (array("int") | {"logicalType": "list"}, [1], [1]),
    "a logical type beside the type": ("long", 7, 7),
    "foreign keys": ({"type": "string", "avro.java.string": "String", "connect.name": "x"}, "x", "x"),
    "a doc on an array": (array({"type": "int", "doc": "One."}) | {"doc": "Many."}, [1], [1]),
    "a full name": (a_record("a.b.R", ("a", "int")), {"a": 1}, {"a": 1}),
    "symbols of every kind": (ENUM, "HEARTS", "HEARTS"),
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_read_as_its_producer_meant_it(kind: str, shape: str) -> None:
    type_, given, column = SHAPES[shape]
    avro = contract_json(("before", "int"), ("f", type_), ("after", "string"))
    contract = parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))
    data = by_fastavro(avro, {"before": 1, "f": given, "after": "z", "at": MOMENT})

    found = read(kind, contract, contract, data)

    assert found == {"before": 1, **({} if column is MISSING else {"f": column}), "after": "z"}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_sdk_writes_the_same_bytes(shape: str) -> None:
    type_, given, column = SHAPES[shape]
    avro = contract_json(("f", type_), ("after", "string"))
    contract = parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))
    event = {"after": "z", "at": MOMENT} | ({} if column is MISSING else {"f": given})
    data = encode(contract, validate(contract.record, event))

    perhaps = None if isinstance(type_, list) and given == {} else given
    assert data == by_fastavro(avro, {"f": perhaps, "after": "z", "at": MOMENT}), "null where nothing may be null"
    parts = [compile_encoder(contract, field)(event[field.name]) for field in contract.record.fields]
    assert b"".join(parts) == data, "field by field too"


@pytest.mark.parametrize("shape", SHAPES)
def test_an_event_is_the_same_after_a_journey_through_json(shape: str) -> None:
    type_, given, _ = SHAPES[shape]
    avro = contract_json(("f", type_), ("after", "string"))
    contract = parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))
    values = contract.decode(by_fastavro(avro, {"f": given, "after": "z", "at": MOMENT}))

    again = fields_from_json(contract.record, json.loads(json.dumps(fields_to_json(contract.record, values))))

    assert contract.decode(encode(contract, validate(contract.record, again))) == values


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("shape", ["a union of one type", "a union of null alone", "an array of unions of one"])
def test_another_branch_than_the_only_one_is_refused_at_its_byte(kind: str, shape: str) -> None:
    type_, given, _ = SHAPES[shape]
    avro = contract_json(("f", type_))
    contract = parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))
    data = bytearray(by_fastavro(avro, {"f": given, "at": MOMENT}))
    place = 1 if isinstance(type_, dict) else 0
    data[place] = 2

    with pytest.raises(UndecodableError) as raised:
        compile_reader(kind, contract.record, contract.record)(bytes(data))

    path = "f[0]" if isinstance(type_, dict) else "f"
    assert (raised.value.path, raised.value.why, raised.value.offset) == (path, "no branch of its union", place)


@pytest.mark.parametrize("shape", SHAPES)
def test_all_decoders_refuse_cut_payloads_alike(shape: str) -> None:
    type_, given, _ = SHAPES[shape]
    avro = contract_json(("f", type_))
    contract = parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))
    data = by_fastavro(avro, {"f": given, "at": MOMENT})
    readers = [compile_reader(kind, contract.record, contract.record) for kind in READERS]

    for length in range(len(data)):
        said = set()
        for decode in readers:
            with pytest.raises(UndecodableError) as raised:
                decode(data[:length])
            said.add(str(raised.value))
        assert len(said) == 1, said


@pytest.mark.parametrize("shape", SHAPES)
def test_every_byte_has_its_place_in_a_trace(shape: str) -> None:
    type_, given, _ = SHAPES[shape]
    avro = contract_json(("f", type_), ("after", "string"))
    contract = parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))
    data = by_fastavro(avro, {"f": given, "after": "z", "at": MOMENT})

    found = trace(contract.record, data)

    assert found.stop is None
    assert [each.value for each in found.leaves][-2:] == ["z", to_micros(MOMENT)]
    assert found.leaves[-1].end == len(data)


NOTICES = {
    "null": "f: it never has a value, so it has no column",
    "an optional record without fields": "f: it never has a value, so it has no column",
    "nulls in a record": "f.a: it never has a value, so it has no column",
    "a duration": "f: the logical type 'duration' has no meaning on fixed, so it is read as fixed",
    "nanoseconds": "f: the logical type 'timestamp-nanos' has no meaning on long, so it is read as long",
    "a date on a long": "f: the logical type 'date' has no meaning on long, so it is read as long",
}


@pytest.mark.parametrize("shape", NOTICES)
def test_what_is_read_otherwise_than_it_says_is_noticed(shape: str) -> None:
    assert f"thing_happened.v1.{NOTICES[shape]}" in a_contract(("f", SHAPES[shape][0])).notices


@pytest.mark.parametrize(
    ("logical", "meant"), [("timestamp_millis", "timestamp-millis"), ("timestamp-micro", "timestamp-micros")]
)
def test_a_misspelt_logical_type_is_noticed_with_the_one_that_was_meant(logical: str, meant: str) -> None:
    (notice,) = a_contract(("f", {"type": "long", "logicalType": logical})).notices

    assert notice.endswith(f"so it is read as long; nearly {meant}")


def test_a_contract_that_is_read_as_it_says_has_no_notice() -> None:
    assert a_contract(("f", "string"), ("g", a_record("R", ("a", DATE)))).notices == ()


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


def test_a_null_of_an_older_version_is_no_text() -> None:
    older, newer = a_contract(("f", "null")), a_contract(("f", "string", {"default": "x"}), version=2)

    with pytest.raises(ContractError, match=r"f: events of v1 cannot be read: null cannot be read as string"):
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

    with pytest.raises(ContractError, match="leave open which field of the older version it is"):
        Registry({older.ref: older, newer.ref: newer})


NAMED = (
    ("unit-price", "int"),
    ("größe", "int"),
    ("a.b", a_record("R", ("x y".replace(" ", "$"), "int"), ("X$Y", "int"))),
    ("ID", "int"),
    ("id", ["null", "int"]),
    ("_event_id", "string"),
    ("_id", "string"),
    ("_PARTITIONTIME", "string"),
    ("1st", "string"),
    ("n" * 301, "int"),
)


@pytest.mark.parametrize("kind", READERS)
def test_a_name_that_bigquery_cannot_hold_has_a_column_of_another_name(kind: str) -> None:
    contract = a_contract(*NAMED)
    event = {
        "unit-price": 1,
        "größe": 2,
        "a.b": {"x$y": 3, "X$Y": 4},
        "ID": 5,
        "id": None,
        "_event_id": "e",
        "_id": "i",
        "_PARTITIONTIME": "p",
        "1st": "f",
        "n" * 301: 6,
        "at": MOMENT,
    }
    columns = [field.column for field in contract.record.fields]
    nested = next(field.type for field in contract.record.fields if field.name == "a.b")
    inner = [field.column for field in nested.fields]  # type: ignore[union-attr]
    data = by_fastavro(json.loads(contract.json), event)

    assert columns == [
        "unit_price_5cee09df",
        "gr__e_d353a267",
        "a_b_2e7336dc",
        "ID",
        "id_a5614527",
        "_event_id_2ef8dcf4",
        "_id",
        "c__PARTITIONTIME_124ec10d",
        "c_1st_e01ddf65",
        f"{'n' * 200}_{columns[-2][-8:]}",
        "at",
    ]
    row = dict(zip(inner if kind != "values" else ("x$y", "X$Y"), (3, 4), strict=True))
    assert list(read(kind, contract, contract, data).values()) == [1, 2, row, 5, None, "e", "i", "p", "f", 6]
    assert encode(contract, validate(contract.record, event)) == data


def test_payload_paths_keep_the_names_of_the_producer() -> None:
    contract = a_contract(("unit-price", "int"), ("a.b", a_record("R", ("x-y", "string"))))

    with pytest.raises(UndecodableError) as raised:
        contract.decode(b"\x02\x04\xff")

    assert raised.value.path == "a.b.x-y"


def test_a_new_field_takes_no_column_of_an_older_one() -> None:
    older, new = a_contract(("ID", "int")), ("id", ["null", "int"], {"default": None})
    before, behind = a_contract(new, ("ID", "int"), version=2), a_contract(("ID", "int"), new, version=2)

    with pytest.raises(ContractError, match="its column would be ID_3843971d, and is ID; write the fields of older"):
        Registry({older.ref: older, before.ref: before})
    assert Registry({older.ref: older, behind.ref: behind}).subjects


def test_equal_short_names_in_two_namespaces_are_two_types() -> None:
    one = {"type": "record", "name": "Money", "namespace": "a", "fields": [{"name": "x", "type": "int"}]}
    other = {
        "type": "record",
        "name": "b.Money",
        "fields": [{"name": "y", "type": "string"}, {"name": "z", "type": "Of"}],
    }
    avro = contract_json(
        ("of", {"type": "enum", "name": "b.Of", "symbols": ["A"]}),
        ("one", one),
        ("other", other),
        ("again", "a.Money"),
        ("last", ["null", "b.Money"]),
    )
    contract = parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))
    event = {"of": "A", "one": {"x": 1}, "other": {"y": "y", "z": "A"}, "again": {"x": 2}, "last": {"y": "", "z": "A"}}
    data = by_fastavro(avro, event | {"at": MOMENT})

    for kind in READERS:
        assert read(kind, contract, contract, data) == event


def test_a_name_means_a_type_of_the_enclosing_namespace_first() -> None:
    inner = {"type": "record", "name": "a.R", "fields": [
        {"name": "t", "type": {"type": "enum", "name": "T", "symbols": ["X"]}}, {"name": "u", "type": "T"}
    ]}  # fmt: skip
    avro = contract_json(("t", {"type": "fixed", "name": "T", "size": 1}), ("r", inner), ("v", "T"))
    contract = parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))
    event = {"t": b"1", "r": {"t": "X", "u": "X"}, "v": b"2"}

    for kind in READERS:
        assert read(kind, contract, contract, by_fastavro(avro, event | {"at": MOMENT})) == event


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


def test_symbols_that_avro_forbids_are_written_and_read() -> None:
    contract = a_contract(("f", {"type": "enum", "name": "E", "symbols": ["a-b", "größe", "C"]}))
    data = encode(contract, validate(contract.record, {"f": "größe", "at": MOMENT}))

    assert data[:1] == b"\x02"
    assert compile_decoder(contract.record, contract.record)(data)[0] == "größe"
