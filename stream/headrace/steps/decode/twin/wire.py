"""The bytes of many messages in one piece, and Avro's integers read from many places of it at once.

Positions are int64, one for each value. Zeros lie before the messages and behind them: a position that has been sent to
the zeros before (*nothing*) reads nulls, zeros and empty texts from there on, and never comes back, so that what went
wrong needs no mask; and a value that reads beyond the last message reads zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Longs: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Array: TypeAlias = npt.NDArray[Any]

LONGEST: Final = 10  # bytes of an integer
BEHIND: Final = 64  # bytes that may be looked at behind the last byte of a value
_HALF: Final = np.arange(256, dtype=np.int64) >> 1
_ZIGZAG: Final = (np.arange(128, dtype=np.int64) >> 1) ^ -(np.arange(128, dtype=np.int64) & 1)
_ODD_OR_LONG: Final = np.uint8(0x81)
_CONTINUED: Final = np.uint8(0x80)
_ONE_BYTE: Final = np.uint64(0x80)
_HIGH: Final = np.uint64(0x8080808080808080)
_LOW: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
# Groups of seven bits are brought together: neighbours by one bit, pairs by two, fours by four.
_GROUPS: Final = [
    (np.uint64(0x007F007F007F007F), np.uint64(0x7F007F007F007F00), np.uint64(1)),
    (np.uint64(0x00003FFF00003FFF), np.uint64(0x3FFF00003FFF0000), np.uint64(2)),
    (np.uint64(0x000000000FFFFFFF), np.uint64(0x0FFFFFFF00000000), np.uint64(4)),
]
_ONE, _SEVEN = np.uint64(1), np.uint64(7)


class Wire:
    """Some messages, one behind the other: *starts* and *ends* are where each lies.

    *nothing* is where zeros begin that *reach* bytes may be read of; *texts* stand between them and the messages.
    """

    def __init__(self, messages: Sequence[bytes], nothing: int, reach: int, texts: bytes) -> None:
        front = nothing + reach + BEHIND
        joined = b"".join((bytes(front), texts, *messages, bytes(reach + BEHIND)))
        lengths = np.fromiter(map(len, messages), np.int64, len(messages))
        self.texts, self.front = front, front + len(texts)
        self.nothing = nothing
        self.ends = self.front + np.cumsum(lengths)
        self.starts = self.ends - lengths
        self.bytes = np.frombuffer(joined, np.uint8)
        self.words: Words = np.ndarray((len(joined) - 7,), "<u8", joined, strides=(1,))  # eight bytes from any place
        self.buffer = pa.py_buffer(joined)
        self.bad = np.zeros(len(messages), bool)  # messages that are no data, as far as is known
        self.taken = np.zeros(len(messages), np.int64)  # bytes that their items take in columns
        self.patience = 1000 + len(messages)  # small steps that are worth it

    def after_numbers(self, at: Longs) -> Longs:
        """The positions after the integers at *at*, whatever they are."""
        if not np.count_nonzero(self.bytes.take(at) & _CONTINUED):
            return at + 1
        last = _last_bits(self.words[at])
        after: Longs = at + (np.bitwise_count(last ^ (last - _ONE)) >> 3)
        longer = np.flatnonzero(last == 0)
        if len(longer):
            after[longer] += 1 + (self.bytes.take(at[longer] + 8) >> 7)
        return after

    def numbers(self, at: Longs) -> tuple[Longs, Mask | None]:
        """The integers at *at*, and which of them are spelled as none may be; None when all are right."""
        first = self.bytes.take(at)
        if not np.count_nonzero(first & _CONTINUED):
            return _ZIGZAG.take(first), None
        words = self.words[at]
        last = _last_bits(words)
        bits = words & (last ^ (last - _ONE)) & _LOW
        for low, high, shift in _GROUPS:
            bits = (bits & low) | ((bits & high) >> shift)
        wrong = ((words & (last - (last >> _SEVEN))) == 0) & (last != _ONE_BYTE)
        longer = np.flatnonzero(last == 0)
        if len(longer):
            bits[longer], wrong[longer] = self._longer(bits[longer], at[longer])
        value = ((bits >> _ONE) ^ -(bits & _ONE)).view(np.int64)
        return value, wrong if np.count_nonzero(wrong) else None

    def _longer(self, bits: Words, at: Longs) -> tuple[Words, Mask]:
        """Integers of nine and ten bytes, of which *bits* has the first eight."""
        ninth, tenth = (self.bytes.take(at + more).astype(np.uint64) for more in (8, 9))
        ten = ninth >= _ONE_BYTE
        bits = bits | (ninth & np.uint64(0x7F)) << np.uint64(56)
        bits |= np.where(ten, tenth << np.uint64(63), np.uint64(0))
        return bits, np.where(ten, tenth != 1, ninth == 0)

    def lengths(self, at: Longs) -> tuple[Longs, Longs, Mask | None]:
        """The integers at *at*, the positions after them, and which are spelled as none may be.

        The last is None when there is no doubt about any: then none is negative either.
        """
        first = self.bytes.take(at)
        if not np.count_nonzero(first & _ODD_OR_LONG):
            return _HALF.take(first), at + 1, None
        length, wrong = self.numbers(at)
        return length, self.after_numbers(at), np.zeros(len(at), bool) if wrong is None else wrong

    def spans(self, at: Longs, ends: Longs) -> tuple[Longs, Longs]:
        """The begin and end of what says its length at *at* and must not go beyond *ends*; else of nothing."""
        length, start, wrong = self.lengths(at)
        beyond = length > ends - start
        if wrong is not None:
            beyond |= wrong | (length < 0)
        return self.within(start, start + length, beyond)

    def within(self, start: Longs, stop: Longs, beyond: Mask) -> tuple[Longs, Longs]:
        """Send what is *beyond* to the zeros."""
        if not np.count_nonzero(beyond):
            return start, stop
        return np.where(beyond, self.nothing, start), np.where(beyond, self.nothing, stop)


def _last_bits(words: Words) -> Words:
    """The highest bit of the last byte of the integer that each word begins with; 0 when it is longer."""
    stops = ~words & _HIGH
    return stops & -stops


def joined(arrays: Sequence[Array]) -> Array:
    """*arrays* as one."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays) if arrays else np.empty(0, np.int64)
