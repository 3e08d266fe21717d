"""Ids in packed columns: hash tables of numpy arrays that look up whole batches at once."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.uint64]
Halves: TypeAlias = npt.NDArray[np.uint64]
Contents: TypeAlias = npt.NDArray[np.int64]
Places: TypeAlias = npt.NDArray[np.int64]

SALT_BYTES: Final = 24
_FEWEST: Final = 1 << 14  # entries of the first table
_GROWTH: Final = 4
_SLOTS: Final = 8  # in a bucket
_WORDS: Final = 5  # in a bucket
_FILLED: Final = (
    5.5  # filled slots of a bucket, on average, in a full table: 7.3 bytes an entry in addition to its own 24
)
_ROUND: Final = 1 << 14  # number of entries added at once, so that the working data stays in the CPU cache

_HALF: Final = np.uint64(32)
_TOP_BYTE: Final = np.uint64(56)
_BITS: Final = np.uint64(8)
_ONE: Final = np.uint64(1)
_BYTE: Final = np.uint64(0xFF)
_EACH_BYTE: Final = np.uint64(0x0101_0101_0101_0101)
_HIGH_BITS: Final = np.uint64(0x8080_8080_8080_8080)
_LOW_BITS: Final = np.uint64(0x7F7F_7F7F_7F7F_7F7F)


@dataclass(frozen=True, slots=True)
class Keys:
    """128-bit keys in two columns of 64 bits."""

    first: Halves
    second: Halves

    @classmethod
    def of(cls, rows: Rows) -> Keys:
        """Return the keys in the first two columns of *rows*."""
        return cls(np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(rows[:, 1]))

    def take(self, places: Places | npt.NDArray[np.bool_] | slice) -> Keys:
        """Return the keys at *places*."""
        return Keys(self.first[places], self.second[places])

    def __len__(self) -> int:
        return len(self.first)


class Found(NamedTuple):
    """Result of a lookup: whether each key is present, and its content, or 0."""

    known: npt.NDArray[np.bool_]
    contents: Contents


class PackedIds:
    """Keys, each added once, with 64 bits of content; 31.3 bytes an entry if there are as many as *expected*.

    No operation touches more than a few entries for each given key. A full table stays as it is; while the next one is
    filled, entries are moved to it a few at a time. *salt* determines the bucket of a key. A producer of ids does not
    know it, so it cannot choose ids that share a bucket.
    """

    def __init__(self, salt: bytes, expected: int = 0) -> None:
        self._salt = np.frombuffer(salt, np.uint64, count=3) | _ONE
        self._expected = expected
        self._table = _Table(_FEWEST)
        self._former: _Table | None = None
        self._moved = 0

    def __len__(self) -> int:
        return self._table.count + self._unmoved

    def find(self, keys: Keys) -> Found:
        """Look up *keys*."""
        if not len(self):
            return Found(np.zeros(len(keys), np.bool_), np.zeros(len(keys), np.int64))
        scattered = self._scatter(keys)
        found = self._table.find(keys, scattered)
        if self._former:
            known, contents = self._former.find(keys, scattered)
            found.contents[known] = contents[known]
            found.known[known] = True
        return found

    def add(self, keys: Keys, contents: Contents) -> None:
        """Add *keys*, which must be absent, each with its content."""
        start = 0
        while start < len(keys):
            if not self._room:
                self._open()
            part = slice(start, min(len(keys), start + _ROUND, start + self._room))
            self._add(keys.take(part), contents[part])
            self._move(part.stop - start)
            start = part.stop

    def columns(self) -> Iterator[npt.NDArray[Any]]:
        """Yield every array of the tables, so that the caller can release them one by one."""
        for table in filter(None, (self._table, self._former)):
            yield from table.columns()

    @property
    def _unmoved(self) -> int:
        return self._former.count - self._moved if self._former else 0

    @property
    def _room(self) -> int:
        return self._table.capacity - len(self)

    def _open(self) -> None:
        """Start a larger table.

        The full one has at most half as many entries. One entry is moved for each one added, so the full table is empty
        before the new one is full.
        """
        count = self._table.count
        enough = self._expected + self._expected // 64 + _FEWEST  # a batch more than expected, and retained rows
        is_last = 2 * count < self._expected <= 2 * _GROWTH * count
        self._former, self._moved = self._table, 0
        self._table = _Table(enough if is_last else _GROWTH * count)

    def _move(self, at_most: int) -> None:
        if self._former is None:
            return
        keys, contents = self._former.entries(self._moved, at_most)
        self._add(keys, contents)
        self._moved += len(keys)
        if self._moved == self._former.count:
            self._former = None

    def _add(self, keys: Keys, contents: Contents) -> None:
        self._table.add(keys, contents, self._scatter(keys))

    def _scatter(self, keys: Keys) -> Scattered:
        """Multiply keys by random numbers and keep the upper bits, in which two keys agree only by chance."""
        mixed = keys.first * self._salt[0] + keys.second * self._salt[1]
        return Scattered(mixed >> _HALF, (mixed * self._salt[2]) >> _HALF)


class Scattered(NamedTuple):
    """Two 32-bit hashes of each key."""

    one: Halves
    other: Halves


class _Table:
    """Table of a fixed number of entries, which are numbered from 1 and found by buckets.

    A bucket is five words of 64 bits: the tags of its entries, one byte each, filled from the lowest on, and the
    entries' *numbers*, 32 bits each. Each key has two buckets and is stored in the emptier one. For one key in
    thousands both are full; it is stored in the next bucket after them.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._size = int(capacity / _FILLED)
        self._words = _column(np.uint64, self._size * _WORDS)
        self._numbers = self._words.view(np.uint32)
        self._first = _column(np.uint64, capacity + 1)
        self._second = _column(np.uint64, capacity + 1)
        self._contents = _column(np.int64, capacity + 1)
        self.count = 0

    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        return self._words, self._first, self._second, self._contents

    def entries(self, start: int, at_most: int) -> tuple[Keys, Contents]:
        """Return at most *at_most* entries from *start* on, in the order in which they were added."""
        rows = slice(1 + start, 1 + min(start + at_most, self.count))
        return Keys(self._first[rows], self._second[rows]), self._contents[rows]

    def find(self, keys: Keys, scattered: Scattered) -> Found:
        found = Found(np.zeros(len(keys), np.bool_), np.zeros(len(keys), np.int64))
        places, buckets, tags = np.arange(len(keys)), self._buckets_of(scattered), _tags(scattered)
        while len(places):
            present = self._words[buckets * _WORDS]
            self._compare(keys, places, buckets.ravel(), _equal_bytes(present, tags).ravel(), found)
            open_ = np.flatnonzero(np.minimum(*present) >> _TOP_BYTE)  # of both buckets, if both are full
            open_ = open_[~found.known[places[open_]]]
            places, buckets, tags = places[open_], self._next(buckets[:, open_]), tags[open_]
        return found

    def _compare(self, keys: Keys, places: Places, buckets: Places, alike: Halves, found: Found) -> None:
        """Mark the keys at *places* as found whose buckets have an entry with an *alike* tag and the same key."""
        looks = np.flatnonzero(alike)
        alike = alike[looks]
        while len(looks):
            lowest = alike & (~alike + _ONE)
            slots = np.bitwise_count(lowest - _ONE) >> 3
            entries = self._numbers[_number(buckets[looks], slots)]
            at = places[looks % len(places)]
            same = (self._first[entries] == keys.first[at]) & (self._second[entries] == keys.second[at]) & (entries > 0)
            found.known[at[same]] = True
            found.contents[at[same]] = self._contents[entries[same]]
            alike ^= lowest
            rest = np.flatnonzero(alike)
            looks, alike = looks[rest], alike[rest]

    def add(self, keys: Keys, contents: Contents, scattered: Scattered) -> None:
        """Add entries; there must be room. Entries that find no free slot try their next buckets."""
        begin, self.count = self.count + 1, self.count + len(keys)
        rows = slice(begin, begin + len(keys))
        self._first[rows], self._second[rows], self._contents[rows] = keys.first, keys.second, contents
        numbers = np.arange(rows.start, rows.stop, dtype=np.uint32)
        buckets, tags = self._buckets_of(scattered), _tags(scattered)
        while len(numbers):
            rest = self._put(numbers, buckets, tags)
            numbers, buckets, tags = numbers[rest], buckets[:, rest], tags[rest]

    def _put(self, numbers: npt.NDArray[np.uint32], buckets: Places, tags: Halves) -> Places:
        """Put entries into free slots of their buckets, and return the places of those that found none.

        An entry finds no slot if its bucket is full, or if another entry takes the slot. For full buckets, *buckets*
        changes to the next ones.
        """
        present = self._words[buckets * _WORDS]
        used = _used(present)
        emptier = (used[1] < used[0]).astype(np.intp)
        every = np.arange(len(numbers))
        bucket, present, used = buckets[emptier, every], present[emptier, every], used[emptier, every]
        slots = _number(bucket, used.view(np.int64))
        free = used < _SLOTS
        self._numbers[slots[free]] = numbers[free]
        buckets[:, ~free] = self._next(buckets[:, ~free])
        free[free] = self._numbers[slots[free]] == numbers[free]
        self._words[bucket[free] * _WORDS] = present[free] | tags[free] << (used[free] * _BITS)
        return np.flatnonzero(~free)

    def _buckets_of(self, scattered: Scattered) -> Places:
        size = np.uint64(self._size)
        return ((np.stack(scattered) * size) >> _HALF).view(np.int64)

    def _next(self, buckets: Places) -> Places:
        return (buckets + 1) % self._size


def _number(buckets: Places, slots: Places) -> Places:
    """Return the index of an entry's number, in units of 32 bits: the numbers follow the tags."""
    return buckets * (2 * _WORDS) + 2 + slots


def _tags(scattered: Scattered) -> Halves:
    """Return a tag of one byte for each key, never 0: the lowest bits, which depend least on the bucket."""
    tags: Halves = np.maximum(scattered.other & _BYTE, _ONE)
    return tags


def _equal_bytes(numbers: Halves, tags: Halves) -> Halves:
    """Set the highest bit of each byte of *numbers* that equals the tag, and maybe of the byte above it."""
    repeated: Halves = tags * _EACH_BYTE
    different: Halves = numbers ^ repeated
    return (different - _EACH_BYTE) & ~different & _HIGH_BITS


def _used(numbers: Halves) -> Halves:
    """Return the number of bytes that are not 0."""
    marks: Halves = (((numbers & _LOW_BITS) + _LOW_BITS) | numbers) & _HIGH_BITS
    return np.bitwise_count(marks).astype(np.uint64)


def _column(type_: type[np.generic], length: int) -> npt.NDArray[Any]:
    """Return zeros that take no memory until they are written, and return it to the system when they are released."""
    size = length * np.dtype(type_).itemsize
    return np.frombuffer(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), type_)
