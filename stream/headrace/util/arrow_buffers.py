"""Memory of text columns: read directly, or built without a call for each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes: TypeAlias = npt.NDArray[np.uint8]  # shape (rows, width)


def side_by_side(parts: Sequence[Bytes], count: int, valid: pa.Buffer | None = None) -> pa.Array:
    """Join *parts* into one binary value a row; each part has a row for each value, or one row for all."""
    width = sum(part.shape[1] for part in parts)
    block, end = np.empty((count, width), np.uint8), 0
    for part in parts:
        block[:, end : end + part.shape[1]] = part
        end += part.shape[1]
    places = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.Array.from_buffers(pa.binary(), count, [valid, pa.py_buffer(places), pa.py_buffer(block)])


def text_parts(texts: pa.Array) -> tuple[npt.NDArray[np.int32], pa.Buffer]:
    """Return the start offset of each text and the end of the last one, and the buffer to which they refer."""
    if not len(texts):
        return np.zeros(1, np.int32), pa.py_buffer(b"")
    _, places, data = texts.buffers()
    return np.frombuffer(places, np.int32)[texts.offset : texts.offset + len(texts) + 1], data


def validity(column: pa.Array) -> pa.Buffer | None:
    """Return the bitmap of valid values; None if all are valid."""
    if not column.null_count:
        return None
    return column.is_valid().buffers()[1] if column.offset else column.buffers()[0]
