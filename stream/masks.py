"""Masks that leave a part of each value in a column, or make it coarser."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.model import Generalise, Pii
from stream.buffers import text_parts, validity
from stream.networks import networks

HIDDEN: Final = "*"


def keep_part(column: pa.Array, first: int, last: int) -> pa.Array:
    """Keep *first* and *last* characters of each text and hide the rest; a text too short is hidden whole."""
    if pc.all(pc.string_is_ascii(column)).as_py():
        return _keep_bytes(column, first, last)
    length = pc.utf8_length(column)
    is_short = pc.less_equal(length, first + last)
    hidden = pc.binary_repeat(HIDDEN, pc.if_else(is_short, length, pc.subtract(length, first + last)))
    parts = [pc.utf8_slice_codeunits(column, 0, first), hidden]
    if last:
        parts.append(pc.utf8_slice_codeunits(column, -last))
    return pc.if_else(is_short, hidden, pc.binary_join_element_wise(*parts, ""))


def _keep_bytes(column: pa.Array, first: int, last: int) -> pa.Array:
    """Keep parts of texts whose characters are a byte each: what is hidden stays where it is."""
    places, data = text_parts(column)
    letters = np.frombuffer(data, np.uint8)[: places[-1]]
    hidden = np.full(len(letters), ord(HIDDEN), np.uint8)
    is_longer = pc.fill_null(pc.greater(pc.binary_length(column), first + last), False).to_numpy(zero_copy_only=False)
    if is_longer.any():
        begins, ends = places[:-1][is_longer], places[1:][is_longer]
        for shown in np.add.outer(begins, np.arange(first)), np.subtract.outer(ends, np.arange(1, last + 1)):
            hidden[shown] = letters[shown]
    return pa.Array.from_buffers(
        column.type, len(column), [validity(column), pa.py_buffer(places), pa.py_buffer(hidden)]
    )


def generalise(column: pa.Array, pii: Pii) -> pa.Array:
    """Make values coarser: a time to its month or year, an address to its network, a number to its bucket."""
    match pii.to:
        case Generalise.MONTH | Generalise.YEAR:
            return pc.floor_temporal(column, unit=str(pii.to)).cast(column.type)
        case Generalise.NETWORK:
            return networks(column)
        case _:
            return _bucket(column, pii.size or 1)


def _bucket(column: pa.Array, size: int) -> pa.Array:
    is_integer = pa.types.is_integer(column.type)
    nulls = column.is_null().to_numpy(zero_copy_only=False)
    numbers = column.fill_null(0).cast(pa.int64() if is_integer else pa.float64()).to_numpy()
    lowest = -(2**31) if column.type == pa.int32() else -(2**63)
    with np.errstate(invalid="ignore"):  # infinity has no bucket
        floored = _floor(numbers, size, lowest) if is_integer else numbers // float(size) * float(size)
    return pa.array(floored, mask=nulls).cast(column.type, safe=False)


def _floor(numbers: npt.NDArray[np.int64], size: int, low: int) -> npt.NDArray[np.int64]:
    """The lower ends of buckets; that of the lowest bucket is *low*, for its own is out of range."""
    if size > np.iinfo(np.int64).max:
        return np.where(numbers < 0, low, 0)
    above = numbers % size
    return np.where(numbers < low + above, low, numbers - above)
