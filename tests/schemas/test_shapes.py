"""Shapes of schemas that exist: written by fastavro from the schema itself, and read by every decoder, by value."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from headrace.schemas.encode import encode
from headrace.schemas.encode_field import compile_encoder
from headrace.schemas.envelope import SchemaRef, to_micros
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.model import MISSING
from headrace.schemas.registry import parse_contract
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.trace import trace
from headrace.schemas.validate import validate
from tests.schemas.test_lint import DATE, ENUM, a_map, array
from tests.support.builders import MOMENT, a_contract, a_decimal, a_record, contract_json
from tests.support.foreign import READERS, by_fastavro, read
from tests.support.readers import compile_reader

EMPTY = {"type": "record", "name": "Empty", "fields": []}


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
    "Kafka Connect's decimal": (a_decimal(64, 2), Decimal("-12.50"), Decimal("-12.50")),
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


@pytest.mark.parametrize("nothing", ["null", ["null"], EMPTY])
def test_nulls_that_unfold_without_end_are_refused_at_once(nothing: Any) -> None:
    types = [a_record("T0", ("a", nothing), ("b", "null"))]
    types += [a_record(f"T{index}", ("a", f"T{index - 1}"), ("b", f"T{index - 1}")) for index in range(1, 60)]
    avro = contract_json(*((f"f{index}", type_) for index, type_ in enumerate(types)), ("g", "int"))

    with pytest.raises(ContractError, match=r"more than 10000 columns|nested deeper than 15"):
        parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))


NOTICES = {
    "null": "f: it never has a value, so it has no column",
    "an optional record without fields": "f: it never has a value, so it has no column",
    "nulls in a record": "f.a: it never has a value, so it has no column",
    "a duration": "f: the logical type 'duration' makes no column of its own on fixed: it is read as fixed",
    "nanoseconds": "f: the logical type 'timestamp-nanos' makes no column of its own on long: it is read as long",
    "Kafka Connect's decimal": "f: its precision is 64, and BIGNUMERIC holds 38 digits before the point "
    "and 38 after it: events with more are refused",
    "a date on a long": "f: the logical type 'date' makes no column of its own on long: it is read as long",
}


@pytest.mark.parametrize("shape", NOTICES)
def test_what_is_read_otherwise_than_it_says_is_noticed(shape: str) -> None:
    assert f"thing_happened.v1.{NOTICES[shape]}" in a_contract(("f", SHAPES[shape][0])).notices


@pytest.mark.parametrize(
    ("logical", "meant"), [("timestamp_millis", "timestamp-millis"), ("timestamp-micro", "timestamp-micros")]
)
def test_a_misspelt_logical_type_is_noticed_with_the_one_that_was_meant(logical: str, meant: str) -> None:
    (notice,) = a_contract(("f", {"type": "long", "logicalType": logical})).notices

    assert notice.endswith(f"it is read as long; nearly {meant}")


def test_a_contract_that_is_read_as_it_says_has_no_notice() -> None:
    assert a_contract(("f", "string"), ("g", a_record("R", ("a", DATE)))).notices == ()
