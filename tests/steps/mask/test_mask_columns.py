"""Rows as they are written: each personal value is masked, however deep it lies, and the rest is as it came."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema
from headrace.schemas.registry import Contract
from headrace.steps.decode.record_batch import columns_for, to_batch
from headrace.steps.mask.mask_columns import Masker
from headrace.steps.mask.tokens import TokenKey, tokeniser
from tests.support.builders import MOMENT, a_contract, a_record, encode

KEY = TokenKey(b"k" * 32)
TEXTS = {"type": "array", "items": "string"}
NUMBERS = {"type": "map", "values": ["null", "int"]}
REDACT, TOKENISE = {"kind": "name", "mask": "redact"}, {"kind": "name", "mask": "tokenise"}
LAST, TENS = (
    {"kind": "name", "mask": "partial", "keep_last": 1},
    {"kind": "age", "mask": "generalise", "to": "bucket", "size": 10},
)
OMIT = {"kind": "name", "mask": "omit"}
PERSON = a_record(
    "Person",
    ("name", "string", {"pii": TOKENISE}),
    ("seat", ["null", "int"], {"pii": "none"}),
    ("document", "string", {"pii": OMIT}),
    ("phones", TEXTS, {"pii": REDACT}),
)


def rows_of(contract: Contract, values: list[Any]) -> pa.RecordBatch:
    """A row for each of *values*, with what is noted of it."""
    columns = columns_for(contract.record)
    payloads = [encode(contract, {"field": value, "at": MOMENT}) for value in values]
    columns.read([contract.record] * len(payloads), payloads)
    rows = to_batch(columns.finish(), arrow_schema(contract.record))
    metas = [pa.nulls(len(values), field.type) for field in META_SCHEMA]
    return pa.RecordBatch.from_arrays([*rows.columns, *metas], schema=pa.schema([*rows.schema, *META_SCHEMA]))


def written(type_: Any, values: list[Any], **annotations: Any) -> pa.RecordBatch:
    """The rows in which a field of *type_* has *values*, as they are written."""
    contract = a_contract(("field", type_, annotations))
    rows, masker = rows_of(contract, values), Masker(contract, KEY)
    masked = masker.mask(rows)
    masked.validate(full=True)
    assert masked.schema == masker.schema
    assert masked.column("at").equals(rows.column("at"))
    assert [masked.column(each.name).null_count for each in META_SCHEMA] == [len(values)] * len(META_SCHEMA)
    return masked


def left(type_: Any, values: list[Any], **annotations: Any) -> list[Any]:
    """What is left of *values*."""
    return written(type_, values, **annotations).column("field").to_pylist()  # type: ignore[no-any-return]


def token(value: Any) -> Any:
    return tokeniser("name", KEY)(pa.array([value])).to_pylist()[0]


def entries(**values: Any) -> list[dict[str, Any]]:
    """A map as a column has it."""
    return [{"key": key, "value": value} for key, value in values.items()]


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        pytest.param("string", ["Ada", "", "Bob"], id="texts"),
        pytest.param(["null", "int"], [7, None, 8], id="numbers and null"),
        pytest.param(TEXTS, [["Ada", "Bob"], [], ["Eve"]], id="arrays"),
    ],
)
def test_what_is_not_personal_is_written_as_it_came(type_: Any, values: list[Any]) -> None:
    assert left(type_, values, pii="none") == values


def test_maps_that_are_not_personal_are_written_as_they_came() -> None:
    assert left(NUMBERS, [{"a": 1, "b": None}, {}], pii="none") == [entries(a=1, b=None), []]


def test_a_record_of_nothing_personal_is_written_as_it_came() -> None:
    row = a_record("Row", ("seat", ["null", "int"], {"pii": "none"}))
    values = [{"seat": 1}, {"seat": None}]
    assert left(row, values) == values
    assert left(["null", row], [None, *values]) == [None, *values]


@pytest.mark.parametrize(
    ("type_", "values", "nothing"),
    [
        pytest.param("string", ["Ada", "Bob"], [None, None], id="texts"),
        pytest.param(["null", "int"], [7, None], [None, None], id="numbers and null"),
        pytest.param(TEXTS, [["Ada"], [], ["Bob", "Eve"]], [[], [], []], id="arrays"),
    ],
)
def test_nothing_is_left_of_what_is_redacted(type_: Any, values: list[Any], nothing: list[Any]) -> None:
    assert left(type_, values, pii=REDACT) == nothing


def test_nothing_is_left_of_a_map_that_is_redacted() -> None:
    assert left(NUMBERS, [{"a": 1}, {}, {"b": None}], pii={**REDACT, "keys": "none"}) == [[], [], []]


def test_a_dropped_field_is_no_column() -> None:
    assert written("string", ["Ada", "Bob"], pii=OMIT).schema.names == ["at", *META_SCHEMA.names]


def test_values_of_arrays_and_maps_are_masked_each() -> None:
    assert left(TEXTS, [["Ada", "Bob"], [], ["Ada"]], pii=TOKENISE) == [
        [token("Ada"), token("Bob")],
        [],
        [token("Ada")],
    ]
    assert left(NUMBERS, [{"a": 1, "b": None}, {}, {"c": 1}], pii={**TOKENISE, "keys": "none"}) == [
        entries(a=token(1), b=None),
        [],
        entries(c=token(1)),
    ]
    assert left(TEXTS, [["Ada", "Bo"], []], pii=LAST) == [["**a", "*o"], []]


def test_an_optional_value_is_masked_where_there_is_one() -> None:
    assert left(["null", "string"], ["Ada", None], pii=TOKENISE) == [token("Ada"), None]
    assert left(["null", "string"], ["Ada", None], pii=LAST) == ["**a", None]
    assert left(["null", "int"], [19, None], pii=TENS) == [10, None]


def a_person(name: str, seat: int | None = None) -> dict[str, Any]:
    return {"name": name, "seat": seat, "document": "X1", "phones": [name]}


def masked_person(name: str, seat: int | None = None) -> dict[str, Any]:
    return {"name": token(name), "seat": seat, "phones": []}


def test_fields_of_a_record_are_masked_however_deep_it_lies() -> None:
    ada, bob = a_person("Ada", 1), a_person("Bob")
    masked_ada, masked_bob = masked_person("Ada", 1), masked_person("Bob")

    assert left(PERSON, [ada, bob]) == [masked_ada, masked_bob]
    assert left(["null", PERSON], [ada, None, bob]) == [masked_ada, None, masked_bob]
    assert left({"type": "array", "items": PERSON}, [[ada, bob], [], [bob]]) == [
        [masked_ada, masked_bob],
        [],
        [masked_bob],
    ]
    assert left({"type": "map", "values": PERSON}, [{"a": ada}, {}, {"b": bob}]) == [
        entries(a=masked_ada),
        [],
        entries(b=masked_bob),
    ]
    nested = a_record("Row", ("people", {"type": "array", "items": PERSON}), ("more", ["null", "int"], {"pii": "none"}))
    assert left(nested, [{"people": [ada, bob], "more": 7}, {"people": [], "more": None}]) == [
        {"people": [masked_ada, masked_bob], "more": 7},
        {"people": [], "more": None},
    ]
