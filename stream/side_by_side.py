"""Columns of texts that are all of one width, made of columns of bytes without a call for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes: TypeAlias = npt.NDArray[np.uint8]  # shape (rows, width)


def side_by_side(parts: Sequence[Bytes], count: int, valid: pa.Buffer | None = None) -> pa.Array:
    """One binary text a row of all *parts*, each of which has a row for each or one for all."""
    width = sum(part.shape[1] for part in parts)
    block, end = np.empty((count, width), np.uint8), 0
    for part in parts:
        block[:, end : end + part.shape[1]] = part
        end += part.shape[1]
    places = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.Array.from_buffers(pa.binary(), count, [valid, pa.py_buffer(places), pa.py_buffer(block)])
