"""Hashes of the decoded values of each row, for the pure-Python fallback; the compiled module has the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias, assert_never

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.schemas.content import (
    RULE,
    WORD,
    Content,
    members_of,
    of_decimal,
    of_float,
    of_list,
    of_record,
    of_text,
    of_whole,
)
from headrace.schemas.layout import Column, Layout

Words: TypeAlias = npt.NDArray[np.uint64]
_KEY: Final = (int.from_bytes(b"headrace", "little"), RULE)  # no secret: everybody knows it
_START: Final = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_ROUNDS, _LAST_ROUNDS = 2, 4


def content_hashes(column: Column, rows: pa.StructArray) -> bytes:
    """Return the hash of the content (:mod:`headrace.schemas.content`) of each of *rows*, as int64.

    *rows* begin at offset 0.
    """
    return sip_hashes([each.body if each else b"" for each in _contents(column, rows)]).tobytes()


def sip_hashes(texts: Sequence[bytes]) -> Words:
    """Return SipHash-2-4 of *texts* of whole words, each word in the order of bytes that SipHash has."""
    lengths = np.array([len(text) // WORD for text in texts], np.int64)
    order = np.argsort(-lengths, kind="stable")
    starts = (np.cumsum(lengths) - lengths)[order]
    words, lengths = np.frombuffer(b"".join(texts), "<u8"), lengths[order]
    state = [np.full(len(texts), start ^ _KEY[at % 2], np.uint64) for at, start in enumerate(_START)]
    hashes = np.zeros(len(texts), np.uint64)
    for at in range(lengths.max(initial=-1) + 1):  # the longest texts come first
        longer = int(np.searchsorted(-lengths, -at, side="left"))
        _absorb([each[:longer] for each in state], words[starts[:longer] + at])
    sizes = (lengths * WORD).astype(np.uint64) << np.uint64(56)
    _absorb(state, sizes)
    state[2] ^= np.uint64(0xFF)
    _rounds(state, _LAST_ROUNDS)
    hashes[order] = state[0] ^ state[1] ^ state[2] ^ state[3]
    return hashes


def _absorb(state: Sequence[Words], words: Words) -> None:
    state[3][:] ^= words
    _rounds(state, _ROUNDS)
    state[0][:] ^= words


def _rounds(state: Sequence[Words], count: int) -> None:
    v0, v1, v2, v3 = state
    for _ in range(count):
        v0 += v1
        v1[:] = _rotated(v1, 13) ^ v0
        v0[:] = _rotated(v0, 32)
        v2 += v3
        v3[:] = _rotated(v3, 16) ^ v2
        v0 += v3
        v3[:] = _rotated(v3, 21) ^ v0
        v2 += v1
        v1[:] = _rotated(v1, 17) ^ v2
        v2[:] = _rotated(v2, 32)


def _rotated(words: Words, bits: int) -> Words:
    rotated: Words = words << np.uint64(bits) | words >> np.uint64(64 - bits)
    return rotated


def _contents(column: Column, values: pa.Array) -> list[Content | None]:
    """Return the content of each value of *column*, and None for null."""
    match column.layout:
        case Layout.STRUCT:
            return list(_of_records(column, values))
        case Layout.LIST:
            return list(_of_lists(column, values))
        case Layout.DECIMAL128 | Layout.DECIMAL256:
            return list(_of_decimals(values))
        case Layout.FLOAT32 | Layout.FLOAT64:
            return [None if each is None else of_float(each) for each in values.to_pylist()]
        case Layout.VARIABLE:
            return [None if each is None else of_text(each) for each in values.cast(pa.binary()).to_pylist()]
        case Layout.BITS | Layout.INT32 | Layout.INT64:
            return [None if each is None else of_whole(each) for each in _whole(values).to_pylist()]
        case _:
            assert_never(column.layout)


def _whole(values: pa.Array) -> pa.Array:
    days = pa.types.is_date32(values.type)
    return (values.cast(pa.int32()) if days else values).cast(pa.int64())


def _of_records(column: Column, values: pa.StructArray) -> Iterator[Content | None]:
    members = members_of(column)
    children = [_contents(child, values.field(place)) for place, child in enumerate(column.children)]
    for row, is_valid in zip(zip(*children, strict=True), _valid(values), strict=True):
        yield of_record(members, row) if is_valid else None


def _of_lists(column: Column, values: pa.ListArray) -> Iterator[Content | None]:
    items, end = _contents(column.children[0], values.flatten()), 0
    for length in pc.list_value_length(values).to_pylist():
        if length is None:
            yield None
            continue
        yield of_list(column, items[end : end + length])
        end += length


def _of_decimals(values: pa.Array) -> Iterator[Content | None]:
    width = values.type.byte_width
    unscaled = memoryview(values.buffers()[1] or b"")[width * values.offset :]
    for index, is_valid in enumerate(_valid(values)):
        number = unscaled[index * width : (index + 1) * width]
        yield of_decimal(int.from_bytes(number, "little", signed=True)) if is_valid else None


def _valid(values: pa.Array) -> Iterable[bool]:
    return values.is_valid().to_pylist()  # type: ignore[no-any-return]
