"""Maps in Arrow columns, with their entries in the order of the bytes of their keys."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def with_ordered_maps(column: pa.Array) -> pa.Array:
    """Return *column* with the entries of every map in it in the order of their keys.

    A map is a list of records with the fields ``key``, a text, and ``value``: a table does not tell them apart.
    """
    if not _has_map(column.type):
        return column
    if pa.types.is_struct(column.type):
        children = [with_ordered_maps(child) for child in column.flatten()]
        missing = pc.is_null(column) if column.null_count else None
        return pa.StructArray.from_arrays(children, fields=list(column.type), mask=missing)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    items = with_ordered_maps(column.flatten())
    if _is_map(column.type):
        items = _ordered(items, np.repeat(np.arange(len(lengths)), lengths))
    ends = pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int32())
    missing = pc.is_null(column) if column.null_count else None
    return pa.ListArray.from_arrays(ends, items, type=column.type, mask=missing)


def _has_map(type_: pa.DataType) -> bool:
    if pa.types.is_struct(type_):
        return any(_has_map(field.type) for field in type_)
    return pa.types.is_list(type_) and (_is_map(type_) or _has_map(type_.value_type))


def _is_map(type_: pa.DataType) -> bool:
    entry = type_.value_type
    if not pa.types.is_struct(entry) or [field.name for field in entry] != ["key", "value"]:
        return False
    return bool(pa.types.is_string(entry.field(0).type))


def _ordered(entries: pa.Array, maps: np.ndarray) -> pa.Array:
    """Return *entries* by the number of their map, then by key."""
    keys = entries.field("key")
    if len(keys) < 2:
        return entries
    rises = pc.fill_null(pc.less(keys[:-1], keys[1:]), fill_value=False).to_numpy(zero_copy_only=False)
    if (rises | (maps[:-1] != maps[1:])).all():
        return entries
    table = pa.table({"map": maps, "key": keys})
    return entries.take(pc.sort_indices(table, [("map", "ascending"), ("key", "ascending")]))
