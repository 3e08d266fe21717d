"""Names in schemas: full names and namespaces, and names that BigQuery or Avro cannot hold."""

from __future__ import annotations

import json

import pytest

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.encode import encode
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.registry import Registry, parse_contract
from headrace.schemas.validate import validate
from tests.support.builders import MOMENT, a_contract, a_record, contract_json
from tests.support.foreign import READERS, by_fastavro, read

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


def test_symbols_that_avro_forbids_are_written_and_read() -> None:
    contract = a_contract(("f", {"type": "enum", "name": "E", "symbols": ["a-b", "größe", "C"]}))
    data = encode(contract, validate(contract.record, {"f": "größe", "at": MOMENT}))

    assert data[:1] == b"\x02"
    assert compile_decoder(contract.record, contract.record)(data)[0] == "größe"
