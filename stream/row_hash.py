"""64 bits of what a row says, the same whether the row is about to be written or was read back.

What a table cannot tell apart has one hash: a null and a column that was added later, an empty list and none, the
spellings of NaN, -0 and 0, a number and the same number in a wider type. Columns go by name, so their order is free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

LEFT_OUT: Final = "_ingested_at"  # says when the job saw the event, nothing of the event
_BINARY: Final = pa.binary()
_NOTHING: Final = pa.scalar(b"", _BINARY)
_NULL: Final = pa.scalar(None, _BINARY)
_NULL_ITEM: Final = pa.scalar(b"~", _BINARY)
_WIDEST: Final = pa.decimal256(76, 38)
_Parts: TypeAlias = list[pa.Array | pa.Scalar]


def row_hashes(rows: pa.RecordBatch) -> pa.Array:
    """One int64 a row, over every column but ``_ingested_at``.

    Add them up modulo 2^64 and the sum depends neither on order nor on how rows were grouped.
    """
    names = [name for name in rows.schema.names if name != LEFT_OUT]
    texts = _members(names, [rows.column(name) for name in names], rows.num_rows).to_pylist()
    digests = b"".join([hashlib.blake2b(text, digest_size=8).digest() for text in texts])
    return pa.Array.from_buffers(pa.int64(), rows.num_rows, [None, pa.py_buffer(digests)])


def _members(names: Sequence[str], columns: Sequence[pa.Array], count: int) -> pa.Array:
    """Name and value of each that is not null, in the order of names."""
    pieces: _Parts = [pa.repeat(_NOTHING, count)]  # a row may be nothing but nulls
    for name, column in sorted(zip(names, columns, strict=True), key=lambda pair: pair[0]):
        parts = [pa.scalar(name.encode() + b"\0", _BINARY), *_value(column)]
        may_be_null = any(part.null_count for part in parts[1:])
        pieces += [_join(parts)] if may_be_null else parts
    return pc.binary_join_element_wise(*pieces, _NOTHING, null_handling="skip")


def _value(column: pa.Array) -> _Parts:
    """Each value as bytes that say where they end, in parts to be joined; null for a null."""
    type_ = column.type
    if pa.types.is_struct(type_):
        return _record(column)
    if pa.types.is_list(type_):
        return _list(column)
    if pa.types.is_decimal(type_):
        return [column.cast(_WIDEST).view(pa.binary(_WIDEST.byte_width)).cast(_BINARY)]
    if pa.types.is_floating(type_):
        return [_fixed(_one_nan(column.cast(pa.float64())))]
    if pa.types.is_date(type_):
        return [_fixed(column.cast(pa.int32()).cast(pa.int64()))]
    if pa.types.is_integer(type_) or pa.types.is_temporal(type_) or pa.types.is_boolean(type_):
        return [_fixed(column.cast(pa.int64()))]
    return _sized(column.cast(_BINARY))


def _record(column: pa.Array) -> _Parts:
    names = [field.name for field in column.type]
    members = _members(names, column.flatten(), len(column))
    return _sized(pc.if_else(column.is_null(), _NULL, members))


def _list(column: pa.Array) -> _Parts:
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    items = pc.fill_null(_join(_value(column.flatten())), _NULL_ITEM)
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, items), _NOTHING)
    return _sized(pc.if_else(pc.equal(lengths, 0), _NULL, joined))


def _one_nan(numbers: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_nan(numbers), pa.scalar(float("nan")), pc.add(numbers, 0.0))


def _fixed(numbers: pa.Array) -> pa.Array:
    return numbers.view(pa.binary(8)).cast(_BINARY)


def _sized(texts: pa.Array) -> _Parts:
    return [_fixed(pc.binary_length(texts).cast(pa.int64())), texts]


def _join(parts: _Parts) -> pa.Array:
    return pc.binary_join_element_wise(*parts, _NOTHING)
