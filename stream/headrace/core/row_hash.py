"""64 bits of what a row says, the same whether the row is about to be written or was read back.

What a table cannot tell apart has one hash: a null and a column that was added later, an empty list and none, the
spellings of NaN, -0 and 0, a number and the same number in a wider type. Columns go by name, so their order is free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.util.arrow_buffers import Bytes, side_by_side, text_parts, validity
from headrace.util.hashing import digests

LEFT_OUT: Final = "_ingested_at"  # says when the job saw the event, nothing of the event
_BINARY: Final = pa.binary()
_NOTHING: Final = pa.scalar(b"", _BINARY)
_NULL_ITEM: Final = pa.scalar(b"~", _BINARY)
_WHOLE_BITS: Final = 64
_WIDEST: Final = pa.decimal256(76, 38)
_Number = TypeVar("_Number", np.uint8, np.int64, np.float64)


class _Values(NamedTuple):
    """A column as bytes that say where they end: so many of each value, and for some types a text after them.

    Where there is no value, *valid* (a bitmap; None when there is one everywhere) says so, and the bytes are any.
    """

    fixed: Bytes
    text: pa.Array | None
    valid: pa.Buffer | None


def row_hashes(rows: pa.RecordBatch) -> pa.Array:
    """One int64 a row, over every column but ``_ingested_at``.

    Add them up modulo 2^64 and the sum depends neither on order nor on how rows were grouped.
    """
    names = [name for name in rows.schema.names if name != LEFT_OUT]
    texts = _members(names, [rows.column(name) for name in names], rows.num_rows).to_pylist()
    hashes = b"".join(digests(texts, np.int64().itemsize))
    return pa.Array.from_buffers(pa.int64(), rows.num_rows, [None, pa.py_buffer(hashes)])


def _members(names: Sequence[str], columns: Sequence[pa.Array], count: int) -> pa.Array:
    """Name and value of each that is not null, in the order of names.

    What has the same width in every row is put side by side first: the fewer pieces there are to join, the better.
    """
    pieces: list[pa.Array] = [pa.repeat(_NOTHING, count)]  # a row may be nothing but nulls
    block: list[Bytes] = []
    for name, column in sorted(zip(names, columns, strict=True), key=lambda pair: pair[0]):
        fixed, text, valid = _value(column)
        own = [np.frombuffer(name.encode() + b"\0", np.uint8).reshape(1, -1), fixed]
        if valid is None:
            block += own
        if block and (valid is not None or text is not None):
            pieces.append(side_by_side(block, count))
            block = []
        if valid is not None:
            pieces.append(side_by_side(own, count, valid))
        if text is not None:
            pieces.append(text)
    if block:
        pieces.append(side_by_side(block, count))
    return pc.binary_join_element_wise(*pieces, _NOTHING, null_handling="skip")


def _value(column: pa.Array) -> _Values:
    type_ = column.type
    if pa.types.is_struct(type_):
        members = _members([field.name for field in type_], _fields(column), len(column))
        return _sized(*text_parts(members), validity(column))
    if pa.types.is_list(type_):
        return _list(column)
    if pa.types.is_decimal(type_):
        return _Values(_bytes(_numbers(column.cast(_WIDEST), np.uint8, _WIDEST.byte_width)), None, validity(column))
    if pa.types.is_floating(type_):
        return _Values(_bytes(_one_nan(_numbers(column.cast(pa.float64()), np.float64))), None, validity(column))
    if pa.types.is_date(type_):
        column = column.cast(pa.int32())
    if pa.types.is_integer(type_) or pa.types.is_temporal(type_) or pa.types.is_boolean(type_):
        whole = column if type_.bit_width == _WHOLE_BITS else column.cast(pa.int64())
        return _Values(_bytes(_numbers(whole, np.int64)), None, validity(column))
    texts = column if type_ in (_BINARY, pa.string()) else column.cast(_BINARY)
    return _sized(*text_parts(texts), validity(column))


def _fields(column: pa.Array) -> list[pa.Array]:
    """The columns of a record, which have any values where it is null."""
    return [column.field(index) for index in range(column.type.num_fields)]


def _list(column: pa.Array) -> _Values:
    """The items of each one after the other: they stand like that in memory. No list is as good as an empty one."""
    ends = np.concatenate(([0], np.cumsum(pc.fill_null(pc.list_value_length(column), 0).to_numpy())))
    places, data = text_parts(_items(column.flatten()))
    valid = np.packbits(ends[1:] > ends[:-1], bitorder="little")
    return _sized(places[ends], data, pa.py_buffer(valid))


def _items(column: pa.Array) -> pa.Array:
    fixed, text, valid = _value(column)
    items = side_by_side([fixed], len(column), valid)
    if text is not None:
        items = pc.binary_join_element_wise(items, text, _NOTHING)
    return items if valid is None else pc.fill_null(items, _NULL_ITEM)


def _one_nan(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isnan(numbers), np.nan, numbers + 0.0)


def _sized(places: npt.NDArray[np.int32], data: pa.Buffer, valid: pa.Buffer | None) -> _Values:
    text = pa.Array.from_buffers(_BINARY, len(places) - 1, [valid, pa.py_buffer(places), data])
    return _Values(_bytes(np.diff(places).astype(np.int64)), text, valid)


def _numbers(column: pa.Array, type_: type[_Number], each: int = 1) -> npt.NDArray[_Number]:
    """The numbers of a column, *each* of so many; of nulls, any."""
    if not len(column):
        return np.empty((0, each), type_)
    return np.frombuffer(column.buffers()[1], type_).reshape(-1, each)[column.offset : column.offset + len(column)]


def _bytes(numbers: npt.NDArray[Any]) -> Bytes:
    return numbers.reshape(len(numbers), math.prod(numbers.shape[1:])).view(np.uint8)
