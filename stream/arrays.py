"""What the decoder's columns become in Arrow: one record batch, of exactly the schema that is asked for."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


class _Exported:
    """An array by the Arrow C data interface, under a schema of ours."""

    def __init__(self, schema: pa.Schema, capsule: Any) -> None:
        self._schema, self._capsule = schema, capsule

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        return self._schema.__arrow_c_schema__(), self._capsule


def to_batch(finished: Any, schema: pa.Schema) -> pa.RecordBatch:
    """Make what :meth:`schemas.columns.Columns.finish` gave a record batch of *schema*, that of the same reader."""
    if isinstance(finished, list):
        arrays = [pa.array(column, field.type) for column, field in zip(finished, schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)
    return pa.record_batch(_Exported(schema, finished))
