"""Columns of a reader, by the compiled module or the pure-Python fallback, and their conversion to a record batch."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from headrace.schemas.columns import Columns, CompiledColumns, compiled_module
from headrace.schemas.model import Record
from headrace.steps.decode.fallback import FallbackColumns


class _Exported:
    """Array of the Arrow C data interface, with a schema of this project."""

    def __init__(self, schema: pa.Schema, capsule: Any) -> None:
        self._schema, self._capsule = schema, capsule

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        return self._schema.__arrow_c_schema__(), self._capsule


def columns_for(reader: Record) -> Columns:
    """Return columns for *reader*, the newest version of a contract."""
    module = compiled_module()
    return FallbackColumns(reader) if module is None else CompiledColumns(reader, module)


def to_batch(finished: Any, schema: pa.Schema) -> pa.RecordBatch:
    """Convert the result of :meth:`headrace.schemas.columns.Columns.finish` to a record batch of *schema*.

    *schema* must be that of the same reader.
    """
    return pa.record_batch(_Exported(schema, finished))
