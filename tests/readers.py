"""The ways to read a payload, by name: the strict decoder, and columns, compiled and in pure Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa
import pytest

from schemas import columns
from schemas.columns import Columns, PureColumns, columns_for
from schemas.decoder import Decode, compile_decoder
from schemas.model import Record
from stream.arrays import to_batch
from stream.tables import arrow_schema

CompileReader: TypeAlias = Callable[[Record, Record], Decode]

NEEDS_C = pytest.mark.skipif(columns.compiled_module() is None, reason="no C compiler when headrace was built")
KINDS = [pytest.param("compiled", marks=NEEDS_C), "pure"]


def columns_of(kind: str, reader: Record) -> Columns:
    """Columns of *reader*, of one of the two kinds."""
    return columns_for(reader) if kind == "compiled" else PureColumns(reader)


def compile_reader(kind: str, writer: Record, reader: Record) -> Decode:
    """What :func:`compile_decoder` compiles; of other kinds than "values", one message at a time through columns."""
    if kind == "values":
        return compile_decoder(writer, reader)
    these = columns_of(kind, reader)
    these.read(writer, [])

    def decode(data: bytes) -> list[Any]:
        for refused in these.read(writer, [data]):
            raise refused.error
        (row,) = rows(these, reader)
        return row

    return decode


def rows(these: Columns, reader: Record) -> list[list[Any]]:
    """What is in columns, as the strict decoder gives it."""
    batch = to_batch(these.finish(), plain(arrow_schema(reader)))
    batch.validate(full=True)
    return [list(row) for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)]


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
