"""A 64-bit hash of a row's content, equal for a row that is about to be written and the same row read back.

Values that a table cannot tell apart have the same hash: a null and a column that was added later, an empty list and a
null, the spellings of NaN, -0 and 0, a number and the same number in a wider type, two texts of one JSON value. The
order of columns is irrelevant, and so is that of a map's entries: of every list of records with the fields ``key``, a
text, and ``value``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.schemas.json_text import canonical
from headrace.util.arrow_buffers import Bytes, side_by_side, text_parts, validity
from headrace.util.hashing import digests
from headrace.util.json_columns import is_json
from headrace.util.ordered_maps import with_ordered_maps

LEFT_OUT: Final = "_ingested_at"  # the time at which the job saw the event; it says nothing about the event
_BINARY: Final = pa.binary()
_NOTHING: Final = pa.scalar(b"", _BINARY)
_NULL_ITEM: Final = pa.scalar(b"~", _BINARY)
_WHOLE_BITS: Final = 64
_WIDEST: Final = pa.decimal256(76, 38)
_Number = TypeVar("_Number", np.uint8, np.int64, np.float64)


class _Values(NamedTuple):
    """A column as bytes: a fixed number for each value, and for some types a text of variable length after them.

    The fixed bytes include the length of the text. *valid* is a bitmap of the rows that have a value, or None if all
    have one; the bytes of the other rows are arbitrary.
    """

    fixed: Bytes
    text: pa.Array | None
    valid: pa.Buffer | None


def row_hashes(rows: pa.RecordBatch) -> pa.Array:
    """Return one int64 hash for each row, over every column except ``_ingested_at``.

    The sum of hashes modulo 2^64 depends neither on the order of rows nor on their grouping.
    """
    fields = [field for field in rows.schema if field.name != LEFT_OUT]
    return _hashes(fields, [with_ordered_maps(rows.column(field.name)) for field in fields], rows.num_rows)


def hashes_in_order(rows: pa.RecordBatch) -> pa.Array:
    """Return the hashes that earlier releases gave to rows: with the entries of maps in the order that they have."""
    fields = [field for field in rows.schema if field.name != LEFT_OUT]
    return _hashes(fields, [rows.column(field.name) for field in fields], rows.num_rows)


def _hashes(fields: Sequence[pa.Field], columns: Sequence[pa.Array], count: int) -> pa.Array:
    texts = _members(fields, columns, count).to_pylist()
    hashes = b"".join(digests(texts, np.int64().itemsize))
    return pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(hashes)])


def _members(fields: Sequence[pa.Field], columns: Sequence[pa.Array], count: int) -> pa.Array:
    """Return, for each row, the names and values of the columns that are not null, ordered by name.

    Adjacent columns of fixed width are first combined into one piece, because fewer pieces are joined faster.
    """
    pieces: list[pa.Array] = [pa.repeat(_NOTHING, count)]  # so that a row of nulls only is not null
    block: list[Bytes] = []
    for field, column in sorted(zip(fields, columns, strict=True), key=lambda pair: str(pair[0].name)):
        fixed, text, valid = _value(column, field)
        own = [np.frombuffer(field.name.encode() + b"\0", np.uint8).reshape(1, -1), fixed]
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


def _value(column: pa.Array, field: pa.Field) -> _Values:
    """Return a column as bytes; *field* says which texts in it are JSON."""
    type_ = column.type
    if pa.types.is_struct(type_):
        members = _members(list(field.type), _fields(column), len(column))
        return _sized(*text_parts(members), validity(column))
    if pa.types.is_list(type_):
        return _list(column, field.type.value_field)
    if is_json(field):
        column = _canonical(column)
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
    """Return the columns of a record; their values are arbitrary where the record is null."""
    return [column.field(index) for index in range(column.type.num_fields)]


def _canonical(column: pa.Array) -> pa.Array:
    """Return JSON texts in one form: BigQuery gives a value back in a form of its own."""
    return pa.array([None if text is None else _canonical_text(text) for text in column.to_pylist()], column.type)


def _canonical_text(text: str) -> str:
    try:
        return canonical(text)
    except ValueError:  # the text is within a record that is null
        return text


def _list(column: pa.Array, item: pa.Field) -> _Values:
    """Return the items of each list one after another, as they lie in memory. A null equals an empty list."""
    ends = np.concatenate(([0], np.cumsum(pc.fill_null(pc.list_value_length(column), 0).to_numpy())))
    places, data = text_parts(_items(column.flatten(), item))
    valid = np.packbits(ends[1:] > ends[:-1], bitorder="little")
    return _sized(places[ends], data, pa.py_buffer(valid))


def _items(column: pa.Array, field: pa.Field) -> pa.Array:
    fixed, text, valid = _value(column, field)
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
    """Return the numbers of a column, *each* numbers for a value; those of nulls are arbitrary."""
    if not len(column):
        return np.empty((0, each), type_)
    return np.frombuffer(column.buffers()[1], type_).reshape(-1, each)[column.offset : column.offset + len(column)]


def _bytes(numbers: npt.NDArray[Any]) -> Bytes:
    return numbers.reshape(len(numbers), math.prod(numbers.shape[1:])).view(np.uint8)
