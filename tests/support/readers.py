"""The ways to read a payload, by name: the strict decoder, and columns, compiled and by the pure-Python fallback."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from typing import Any, TypeAlias
from uuid import UUID

import pyarrow as pa
import pytest

from headrace.bigquery.event_table import arrow_schema
from headrace.schemas import columns
from headrace.schemas.columns import Columns
from headrace.schemas.decoder import Decode, compile_decoder
from headrace.schemas.envelope import to_micros
from headrace.schemas.model import (
    Array,
    Decimal,
    Enumeration,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Scalar,
    Type,
    Union,
)
from headrace.schemas.stored import IS_NULL, is_list, wrapper_of
from headrace.steps.decode.fallback import FallbackColumns
from headrace.steps.decode.record_batch import columns_for, to_batch

CompileReader: TypeAlias = Callable[[Record, Record], Decode]

NEEDS_C = pytest.mark.skipif(columns.compiled_module() is None, reason="no C compiler when headrace was built")
KINDS = [pytest.param("compiled", marks=NEEDS_C), "fallback"]


def columns_of(kind: str, reader: Record) -> Columns:
    """Columns of *reader*, of one of the two kinds."""
    return columns_for(reader) if kind == "compiled" else FallbackColumns(reader)


def compile_reader(kind: str, writer: Record, reader: Record) -> Decode:
    """What :func:`compile_decoder` compiles; of other kinds than "values", one message at a time through columns."""
    if kind == "values":
        return compile_decoder(writer, reader)
    these = columns_of(kind, reader)
    these.read([writer], [b""])  # compiles it
    these.finish()

    def decode(data: bytes) -> list[Any]:
        for refused in these.read([writer], [data]):
            raise refused.error
        (row,) = rows(these, reader)
        return row

    return decode


def rows(these: Columns, reader: Record) -> list[list[Any]]:
    """What is in columns, as the strict decoder gives it."""
    batch = to_batch(these.finish(), plain(arrow_schema(reader)))
    batch.validate(full=True)
    return [list(row) for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)]


def ordered(value: Any) -> Any:
    """*value* with the fields of every record by name: a row has no order of its own."""
    if isinstance(value, dict):
        return {name: ordered(value[name]) for name in sorted(value)}
    return [ordered(item) for item in value] if isinstance(value, list) else value


def plain(schema: pa.Schema) -> pa.Schema:
    """*schema* with dates and times as the numbers that they are in memory."""
    return pa.schema([_plain_field(field) for field in schema])


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(_plain_type(field.type))


def _plain_type(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(type_):
        return pa.struct([_plain_field(field) for field in type_])
    if pa.types.is_list(type_):
        return pa.list_(_plain_field(type_.value_field))
    if pa.types.is_date32(type_):
        return pa.int32()
    return pa.int64() if pa.types.is_temporal(type_) else type_


def arrow_leaf(type_: Type, value: Any) -> Any:
    """One value as Arrow takes it: times and dates as numbers."""
    match value:
        case datetime():
            return to_micros(value if value.tzinfo else value.replace(tzinfo=UTC))
        case date():
            return value.toordinal() - date(1970, 1, 1).toordinal()
        case time():
            return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
        case UUID():
            return str(value)
        case _:
            return value


def arrow_ready(type_: Type, value: Any, leaf: Callable[[Type, Any], Any] = arrow_leaf) -> Any:
    """What another decoder reads, as Arrow takes it; *leaf* says so of one value that holds no others."""
    match type_, value:
        case Optional(item), _:
            return ([] if is_list(item) else None) if value is None else arrow_ready(item, value, leaf)
        case Union(), _:
            return None if value is None else _members(type_, value, leaf)
        case Record(), _:
            return dict(_columns(type_, value, leaf))
        case Array(items), _:
            name = wrapper_of(items)
            listed = [arrow_ready(items, item, leaf) for item in value]
            return listed if name is None else [{name: item} for item in listed]
        case Map(), _:
            return [{"key": key, "value": arrow_ready(type_.values, item, leaf)} for key, item in value.items()]
        case _:
            return leaf(type_, value)


def _columns(record: Record, value: Any, leaf: Callable[[Type, Any], Any]) -> Iterator[tuple[str, Any]]:
    for field in record.fields:
        yield field.name, arrow_ready(field.type, value[field.name], leaf)
        if field.is_null_column:
            yield f"{field.name}{IS_NULL}", value[field.name] is None


def _members(union: Union, value: Any, leaf: Callable[[Type, Any], Any]) -> dict[str, Any]:
    chosen = next(branch for branch in union.branches if _holds(branch.type, value))
    empty: dict[str, Any] = {branch.member: [] if is_list(branch.type) else None for branch in union.branches}
    return empty | {chosen.member: arrow_ready(chosen.type, value, leaf)}


def _holds(type_: Type, value: Any) -> bool:
    """Whether a value is one of *type_*: branches are told apart by the Python types of their values."""
    match type_:
        case Record() | Map():
            return isinstance(value, dict)
        case Array():
            return isinstance(value, list)
        case Scalar(Kind.BOOLEAN):
            return isinstance(value, bool)
        case Scalar(Kind.FLOAT | Kind.DOUBLE):
            return isinstance(value, float)
        case Scalar(Kind.STRING | Kind.UUID | Kind.JSON) | Enumeration():
            return isinstance(value, str | UUID)
        case Scalar(Kind.BYTES) | Fixed() | Decimal():
            return isinstance(value, bytes | decimal.Decimal)
        case _:
            return not isinstance(value, bool | float | str | bytes | list | dict | decimal.Decimal | UUID)
