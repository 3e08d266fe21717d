"""What the decoder's columns become in Arrow: one record batch, of exactly the schema that is asked for."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from schemas.layout import Layout
from schemas.plain import PlainColumn


class _Exported:
    """An array by the Arrow C data interface, under a schema of ours."""

    def __init__(self, schema: pa.Schema, capsule: Any) -> None:
        self._schema, self._capsule = schema, capsule

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        return self._schema.__arrow_c_schema__(), self._capsule


def to_batch(finished: Any, schema: pa.Schema) -> pa.RecordBatch:
    """Make what :meth:`schemas.columns.Columns.finish` gave a record batch of *schema*, that of the same reader."""
    if not isinstance(finished, PlainColumn):
        return pa.record_batch(_Exported(schema, finished))
    arrays = [_array(child, field.type) for child, field in zip(finished.children, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(column: PlainColumn, type_: pa.DataType) -> pa.Array:
    match column.layout:
        case Layout.STRUCT:
            children = [_array(child, field.type) for child, field in zip(column.children, type_, strict=True)]
            mask = pa.array([not value for value in column.values], pa.bool_()) if column.nullable else None
            return pa.StructArray.from_arrays(children, fields=list(type_), mask=mask)
        case Layout.LIST:
            offsets = pa.array(column.values, pa.int32())
            return pa.ListArray.from_arrays(offsets, _array(column.children[0], type_.value_type), type=type_)
        case Layout.DECIMAL128 | Layout.DECIMAL256:
            raw = pa.array(column.values, pa.binary(type_.bit_width // 8))
            return pa.Array.from_buffers(type_, len(raw), raw.buffers(), raw.null_count)
        case _:
            return pa.array(column.values, type_)
