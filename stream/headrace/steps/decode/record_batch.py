"""The columns of a reader, by the compiled module or the pure-Python fallback, and the record batch they become."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from headrace.schemas.columns import Columns, CompiledColumns, compiled_module
from headrace.schemas.model import Record
from headrace.steps.decode.fallback import FallbackColumns


class _Exported:
    """An array by the Arrow C data interface, under a schema of ours."""

    def __init__(self, schema: pa.Schema, capsule: Any) -> None:
        self._schema, self._capsule = schema, capsule

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        return self._schema.__arrow_c_schema__(), self._capsule


def columns_for(reader: Record) -> Columns:
    """Columns of *reader*: the newest version of a contract."""
    module = compiled_module()
    return FallbackColumns(reader) if module is None else CompiledColumns(reader, module)


def to_batch(finished: Any, schema: pa.Schema) -> pa.RecordBatch:
    """Make what :meth:`headrace.schemas.columns.Columns.finish` gave a record batch of *schema*, that of the same
    reader."""
    return pa.record_batch(_Exported(schema, finished))
