"""Masks that keep a part of each value, or make it coarser."""

from __future__ import annotations

from typing import Final, assert_never

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.schemas.classification import Generalise, Pii
from headrace.steps.mask.networks import networks
from headrace.util.arrow_buffers import text_parts, validity

HIDDEN: Final = "*"


def keep_part(column: pa.Array, first: int, last: int) -> pa.Array:
    """Keep the *first* and *last* characters of each text and hide the rest; hide short texts completely."""
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
    """Keep parts of ASCII texts by replacing the hidden bytes in place."""
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
    """Generalise values: a time to its month or year, an address to its network, a number to its bucket."""
    match pii.to:
        case Generalise.MONTH | Generalise.YEAR:
            return pc.floor_temporal(column, unit=str(pii.to)).cast(column.type)
        case Generalise.NETWORK:
            return networks(column)
        case Generalise.BUCKET if pii.size is not None:
            return _bucket(column, pii.size)
        case Generalise.BUCKET | None:
            raise ValueError("a mask that is not complete: the lint refuses it")
        case _:
            assert_never(pii.to)


def _bucket(column: pa.Array, size: int) -> pa.Array:
    is_integer = pa.types.is_integer(column.type)
    nulls = column.is_null().to_numpy(zero_copy_only=False)
    numbers = column.fill_null(0).cast(pa.int64() if is_integer else pa.float64()).to_numpy()
    lowest = -(2**31) if column.type == pa.int32() else -(2**63)
    floored = _floor(numbers, size, lowest) if is_integer else _floor_floating(numbers, size, column.type)
    return pa.array(floored, mask=nulls).cast(column.type, safe=False)


def _floor_floating(numbers: npt.NDArray[np.float64], size: int, type_: pa.DataType) -> npt.NDArray[np.float64]:
    """Return the lower ends of buckets, at least the lowest number of *type_*; infinities and NaN are unchanged.

    Zero has no sign, because the sign would reveal something about the number.
    """
    lowest = np.finfo(np.float32 if type_ == pa.float32() else np.float64).min
    with np.errstate(invalid="ignore", over="ignore"):
        width = float(min(size, 2**1023))
        floored = np.maximum(numbers // width * width, lowest) + 0.0
    return np.where(np.isfinite(numbers), floored, numbers)


def _floor(numbers: npt.NDArray[np.int64], size: int, low: int) -> npt.NDArray[np.int64]:
    """Return the lower ends of buckets; for the lowest bucket *low*, because its own lower end is out of range."""
    if size > np.iinfo(np.int64).max:
        return np.where(numbers < 0, low, 0)
    above = numbers % size
    return np.where(numbers < low + above, low, numbers - above)
