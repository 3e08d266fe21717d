"""Rows in which fields at their default are null, as they are in rows that were written before the fields existed."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.schemas.column_default import column_default
from headrace.schemas.model import MISSING, Record


def defaults_of(record: Record) -> dict[str, Any]:
    """Return the defaults of a record's own fields that are neither null nor empty.

    Masked fields have none here, because their columns do not have the default.
    """
    declared = [each for each in record.fields if each.default is not MISSING and not each.mask]
    defaults = {each.column: column_default(each) for each in declared}
    return {name: value for name, value in defaults.items() if value is not None and value != []}


def without_defaults(rows: pa.RecordBatch, defaults: dict[str, Any]) -> pa.RecordBatch:
    """Return *rows* with null for each value that is its column's default."""
    for name, value in defaults.items():
        place = rows.schema.get_field_index(name)
        if place < 0:
            continue
        column = rows.column(place)
        column = pc.if_else(_equal(column, pa.scalar(value, column.type)), pa.scalar(None, column.type), column)
        rows = rows.set_column(place, pa.field(name, column.type), column)
    return rows


def _equal(column: pa.Array, value: pa.Scalar) -> pa.Array:
    if pa.types.is_nested(column.type):  # Arrow compares no nested values
        return pa.array([each == value for each in column], pa.bool_())
    return pc.fill_null(pc.equal(column, value), fill_value=False)
