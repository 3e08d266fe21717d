"""The hash of a row's content: the same in any grouping and in any type that holds the value, and of no other row."""

from __future__ import annotations

import decimal
import hashlib
import math
import struct
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.event_table import META_SCHEMA, row_schema
from headrace.core.row_hash import hashes_in_order, row_hashes
from headrace.schemas.registry import Contract
from tests.support.builders import BOOKING, MOMENT, a_contract, a_record, decode, encode
from tests.support.strategies import FIXED_PROFILE, contracts, events

WIDE = decimal.Context(prec=90)
META = ["an-id", 1_000_000, 2_000_000, 1, "/test"]


def a_row(contract: Contract, fields: dict[str, Any]) -> list[Any]:
    """An event as the job reads it, with columns of ours."""
    return [*decode(contract, encode(contract, fields)).values(), *META]


def rows_of(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    columns = [pa.array([row[index] for row in rows], field.type) for index, field in enumerate(schema)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def hashes(schema: pa.Schema, *rows: Sequence[Any]) -> list[int]:
    return row_hashes(rows_of(schema, rows)).to_pylist()  # type: ignore[no-any-return]


def what_a_table_keeps(value: Any) -> Any:
    """A value without what a table cannot distinguish."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value + 0.0
    if isinstance(value, list):
        return [what_a_table_keeps(item) for item in value] or None
    if isinstance(value, dict):
        return {name: what_a_table_keeps(item) for name, item in value.items()}
    return value


def as_read_back(type_: pa.DataType) -> pa.DataType:
    """The type in which BigQuery's client gives a column back."""
    if pa.types.is_struct(type_):
        return pa.struct([(field.name, as_read_back(field.type)) for field in type_])
    if pa.types.is_list(type_):
        return pa.list_(as_read_back(type_.value_type))
    if pa.types.is_decimal(type_):
        numeric = type_.scale <= 9 and type_.precision - type_.scale <= 29
        return pa.decimal128(38, 9) if numeric else pa.decimal256(76, 38)
    if pa.types.is_floating(type_):
        return pa.float64()
    return pa.int64() if pa.types.is_integer(type_) else type_


PROFILE = settings(FIXED_PROFILE, max_examples=40)


@PROFILE
@given(st.data())
def test_grouping_order_and_slices_do_not_matter(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    schema = row_schema(contract)
    rows = [a_row(contract, fields) for fields in data.draw(st.lists(events(contract.record), min_size=1, max_size=6))]
    batch = rows_of(schema, rows)
    start = data.draw(st.integers(0, len(rows) - 1))
    order = data.draw(st.permutations(range(len(rows))))

    found = row_hashes(batch).to_pylist()

    assert found == [hashes(schema, row)[0] for row in rows]
    assert row_hashes(batch.slice(start)).to_pylist() == found[start:]
    assert row_hashes(batch.take(order)).to_pylist() == [found[index] for index in order]


@PROFILE
@given(st.data())
def test_another_value_is_another_hash(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    schema = row_schema(contract)
    one, other = (a_row(contract, data.draw(events(contract.record))) for _ in range(2))
    place = data.draw(st.integers(0, len(contract.record.fields) - 1))
    both = rows_of(schema, [one, [*one[:place], other[place], *one[place + 1 :]]])

    first, second = row_hashes(both).to_pylist()

    kept = [what_a_table_keeps(value) for value in both.column(place).to_pylist()]
    assert (first == second) == (kept[0] == kept[1])


@PROFILE
@given(st.data())
def test_a_row_read_back_in_wider_types_and_another_order_is_the_same(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    schema = row_schema(contract)
    written = rows_of(schema, [a_row(contract, data.draw(events(contract.record)))])
    names = data.draw(st.permutations(schema.names))
    fields = [(name, as_read_back(schema.field(name).type)) for name in names]

    columns = [pa.array(written.column(name).to_pylist(), type_) for name, type_ in fields]
    read = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))

    assert row_hashes(read).equals(row_hashes(written))


SCHEMA = pa.schema([("text", pa.string()), ("number", pa.int64()), ("items", pa.list_(pa.string())), *META_SCHEMA])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(["ab", 1, ["c"]], ["a", 1, ["c"]], id="shorter text"),
        pytest.param(["", 1, []], [None, 1, []], id="empty text and null"),
        pytest.param(["a", 0, []], ["a", None, []], id="zero and null"),
        pytest.param(["a", 1, ["ab", "c"]], ["a", 1, ["a", "bc"]], id="items cut elsewhere"),
        pytest.param(["a", 1, ["b", "c"]], ["a", 1, ["c", "b"]], id="items in another order"),
        pytest.param(["a", 1, [""]], ["a", 1, []], id="one empty item and none"),
        pytest.param(["a\0number\0", None, []], ["a", None, []], id="text that looks like another column"),
    ],
)
def test_rows_that_look_alike_have_different_hashes(one: list[Any], other: list[Any]) -> None:
    first, second = hashes(SCHEMA, [*one, *META], [*other, *META])
    assert first != second


def test_when_the_job_saw_an_event_says_nothing_of_it_and_everything_else_does() -> None:
    row = ["a", 1, ["b"], *META]
    names = SCHEMA.names
    same, id_, source = ([*row] for _ in range(3))
    same[names.index("_ingested_at")] = 9
    id_[names.index("_event_id")] = "another-id"
    source[names.index("_source")] = "/elsewhere"

    first, *others = hashes(SCHEMA, row, same, id_, source)

    assert [other == first for other in others] == [True, False, False]


def test_a_column_that_came_later_is_null_in_older_rows_and_changes_nothing() -> None:
    later = pa.schema([*SCHEMA, ("new", pa.string()), ("news", pa.list_(pa.int64()))])
    row = ["a", 1, ["b"], *META]

    assert hashes(later, [*row, None, []]) == hashes(SCHEMA, row) == hashes(later, [*row, None, None])


def test_numbers_go_by_value() -> None:
    def number(value: Any, type_: pa.DataType) -> int:
        return hashes(pa.schema([("n", type_)]), [value])[0]

    assert number(Decimal("1.5"), pa.decimal128(5, 2)) == number(Decimal("1.500"), pa.decimal256(76, 38))
    assert number(0.1, pa.float32()) != number(0.1, pa.float64())
    assert number(0.5, pa.float32()) == number(0.5, pa.float64())
    assert number(-0.0, pa.float64()) == number(0.0, pa.float64())
    assert number(math.nan, pa.float32()) == number(-math.nan, pa.float64())
    assert number(7, pa.int32()) == number(7, pa.int64())


def test_no_rows_have_no_hashes() -> None:
    schema = row_schema(BOOKING)
    assert row_hashes(rows_of(schema, [])).to_pylist() == []


# The text that is hashed, value by value: the hashes in tables of tallies were made of it.


def text_of(value: pa.Scalar) -> bytes:
    type_ = value.type
    if pa.types.is_struct(type_):
        return sized(members(value.items()))
    if pa.types.is_list(type_):
        return sized(b"".join(text_of(item) if item.is_valid else b"~" for item in in_order(value)))
    if pa.types.is_decimal(type_):
        return int(value.as_py().scaleb(38, WIDE)).to_bytes(32, "little", signed=True)
    if pa.types.is_floating(type_):
        number = float(value.as_py())
        return struct.pack("<d", math.nan if math.isnan(number) else number + 0.0)
    if pa.types.is_boolean(type_):
        return struct.pack("<q", value.as_py())
    if pa.types.is_integer(type_) or pa.types.is_temporal(type_):
        return struct.pack("<q", value.value if pa.types.is_temporal(type_) else value.as_py())
    text = value.as_py()
    return sized(text.encode() if isinstance(text, str) else text)


def test_json_is_compared_by_its_value_at_any_depth() -> None:
    json_type = {"type": "string", "sqlType": "JSON"}
    inner = a_record("Inner", ("j", json_type))
    contract = a_contract(("f", json_type), ("fs", {"type": "array", "items": json_type}), ("r", ["null", inner]))
    schema = row_schema(contract)

    def found(first: str, second: str) -> list[int]:
        rows: list[dict[str, Any]] = [{"f": first, "fs": [second], "r": {"j": first}}, {"f": "1", "fs": [], "r": None}]
        return hashes(schema, *(a_row(contract, event | {"at": MOMENT}) for event in rows))

    assert found('{"a": 1, "b": 2}', "[1.0]") == found('{"b":2,"a":1e0}', "[1]")
    assert found('{"a": 1}', "[1]") != found('{"a": 1}', "[2]")
    assert found('{"a": 1}', "[1]") != found('{"a": 2}', "[1]")


def in_order(value: pa.Scalar) -> list[pa.Scalar]:
    """The items of a list; of a map, in the order of their keys."""
    entry = value.type.value_type
    is_map = pa.types.is_struct(entry) and [field.name for field in entry] == ["key", "value"]
    is_map = is_map and pa.types.is_string(entry.field(0).type)
    return sorted(value, key=lambda item: item["key"].as_py().encode()) if is_map else list(value)


def sized(text: bytes) -> bytes:
    return struct.pack("<q", len(text)) + text


def members(named: Iterable[tuple[str, pa.Scalar]]) -> bytes:
    there = [(name, value) for name, value in named if value.is_valid and not (is_list(value) and not len(value))]
    return b"".join(name.encode() + b"\0" + text_of(value) for name, value in sorted(there, key=lambda pair: pair[0]))


def is_list(value: pa.Scalar) -> bool:
    return bool(pa.types.is_list(value.type))


@PROFILE
@given(st.data())
def test_a_row_is_hashed_as_it_always_was(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    rows = [a_row(contract, fields) for fields in data.draw(st.lists(events(contract.record), max_size=5))]
    batch = rows_of(row_schema(contract), rows)
    names = [name for name in batch.schema.names if name != "_ingested_at"]

    expected = [
        hashlib.blake2b(members([(name, batch.column(name)[place]) for name in names]), digest_size=8).digest()
        for place in range(len(rows))
    ]

    assert row_hashes(batch).to_pylist() == [int.from_bytes(digest, "little", signed=True) for digest in expected]


def test_the_order_of_a_map_counts_only_for_hashes_of_earlier_releases() -> None:
    entry = pa.struct([pa.field("key", pa.string(), nullable=False), pa.field("value", pa.int64())])
    type_ = pa.list_(pa.field("item", entry, nullable=False))
    one = [{"key": "a", "value": 1}, {"key": "b", "value": 2}]
    batch = pa.RecordBatch.from_arrays([pa.array([one, one[::-1]], type_)], ["m"])
    same, again = row_hashes(batch).to_pylist()
    first, other = hashes_in_order(batch).to_pylist()
    assert (same == again == first, first == other) == (True, False)
