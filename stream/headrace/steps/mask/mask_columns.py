"""Masks of personal values in Arrow columns, applied before the columns are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, assert_never

import pyarrow as pa

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema, arrow_type
from headrace.schemas.classification import Mask
from headrace.schemas.masked import masked
from headrace.schemas.model import (
    Array,
    Decimal,
    Enumeration,
    Field,
    Fixed,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
)
from headrace.schemas.registry import Contract
from headrace.schemas.stored import stored
from headrace.steps.mask.partial_masks import generalise, keep_part
from headrace.steps.mask.tokens import TokenKey, tokeniser

ArrayMask: TypeAlias = Callable[[pa.Array], pa.Array]


class Masker:
    """Masker of one contract's rows, compiled once with the key for tokens."""

    def __init__(self, contract: Contract, key: TokenKey) -> None:
        self.schema = pa.schema([*arrow_schema(masked(contract.columns)), *META_SCHEMA])
        self._masks = [_field_mask(f, key) for f in stored(contract.columns).fields]

    def mask(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows as they may be stored, without omitted columns."""
        columns = rows.columns
        kept = [mask(column) for mask, column in zip(self._masks, columns, strict=False) if mask is not None]
        return pa.RecordBatch.from_arrays(kept + columns[len(self._masks) :], schema=self.schema)


def _field_mask(f: Field, key: TokenKey) -> ArrayMask | None:
    pii = f.mask
    if pii is None:
        return _inside(f.type, key) or _unchanged
    match pii.mask:
        case Mask.OMIT:
            return None
        case Mask.REDACT:
            return _emptied(f.type)
        case Mask.TOKENISE:
            return _leaves(f.type, tokeniser(pii.kind, key))
        case Mask.PARTIAL:
            return _leaves(f.type, lambda column: keep_part(column, pii.keep_first, pii.keep_last))
        case Mask.GENERALISE:
            return _leaves(f.type, lambda column: generalise(column, pii))
        case _:
            assert_never(pii.mask)


def _unchanged(column: pa.Array) -> pa.Array:
    return column


def _emptied(type_: Type) -> ArrayMask:
    """Return a mask that makes every value null, or empty for arrays and maps, which are never null."""
    if isinstance(type_, Array | Map):
        return lambda column: pa.array([[]] * len(column), column.type)
    return lambda column: pa.nulls(len(column), column.type)


def _inside(type_: Type, key: TokenKey) -> ArrayMask | None:
    """Return a mask of the personal fields in nested records; None if there is no record."""
    match type_:
        case Optional():
            return _inside(type_.item, key)
        case Array():
            return _on_items(_inside(type_.items, key))
        case Map():
            return _on_values(_inside(type_.values, key))
        case Record():
            return _record_mask(type_, key)
        case Scalar() | Decimal() | Fixed() | Enumeration() | Union() | Recursive():
            return None
        case _:
            assert_never(type_)


def _on_items(mask: ArrayMask | None) -> ArrayMask | None:
    return None if mask is None else lambda column: _map_items(column, mask)


def _on_values(mask: ArrayMask | None) -> ArrayMask | None:
    return None if mask is None else lambda column: _map_values(column, mask)


def _record_mask(record: Record, key: TokenKey) -> ArrayMask:
    masks = [_field_mask(f, key) for f in record.fields]
    fields = list(arrow_type(masked(record)))

    def mask(column: pa.Array) -> pa.Array:
        children = [mask(column.field(i)) for i, mask in enumerate(masks) if mask is not None]
        return pa.StructArray.from_arrays(children, fields=fields, mask=column.is_null())

    return mask


def _leaves(type_: Type, mask: ArrayMask) -> ArrayMask:
    """Return a mask that applies *mask* to every innermost value; keys of a map are unchanged."""
    match type_:
        case Optional():
            return _leaves(type_.item, mask)
        case Array():
            within = _leaves(type_.items, mask)
            return lambda column: _map_items(column, within)
        case Map():
            within = _leaves(type_.values, mask)
            return lambda column: _map_values(column, within)
        case Scalar() | Decimal() | Fixed() | Enumeration() | Union() | Record() | Recursive():
            return mask
        case _:
            assert_never(type_)


def _map_items(column: pa.Array, mask: ArrayMask) -> pa.Array:
    items = mask(column.values)
    item = pa.field("item", items.type, column.type.value_field.nullable)
    return pa.ListArray.from_arrays(column.offsets, items, type=pa.list_(item))


def _map_values(column: pa.Array, mask: ArrayMask) -> pa.Array:
    entries = column.values
    keys, values = entries.field(0), mask(entries.field(1))
    fields = [
        pa.field("key", keys.type, nullable=False),
        pa.field("value", values.type, entries.type.field(1).nullable),
    ]
    struct = pa.StructArray.from_arrays([keys, values], fields=fields)
    item = pa.field("item", struct.type, column.type.value_field.nullable)
    return pa.ListArray.from_arrays(column.offsets, struct, type=pa.list_(item))
