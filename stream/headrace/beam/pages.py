"""What waits at one key, in pages: a bundle reads and writes what one append takes, however much waits.

Batches come into one bag, the inbox, without anything being read. The key's next timer empties it: into the head when
nothing else waits, and otherwise into pages, each of what one append takes. Pages are numbered. They lie in a ring of
bags, since state must have names that are known when the job starts: once more pages wait than there are bags, a bag
holds several, and what is not taken of it is written again. No Beam here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple

import pyarrow as pa

from headrace.beam.packing import Head, Waiting, pack_head, pack_waiting, unpack_head, unpack_waiting
from headrace.beam.state import Bag, Cell
from headrace.core.micro_batch import MicroBatch
from headrace.steps.append import request_bytes

HEAD_BYTES: Final = 4_000_000  # of a request: batches are joined up to it, so that many shards make few requests
PAGE_BYTES: Final = 32_000_000  # of state, with the sealed messages: below what a value may have, and a commit
BAGS: Final = 64  # of a (table, shard): some 600 MB to 1 GB wait before two pages share one
_NUMBER: Final = struct.Struct(">q")
_INDEX: Final = struct.Struct(">qqqqq")


class Index(NamedTuple):
    """Pages from *first* to before *end* hold what waits; those from *young* on hold no row of an id of the older half.

    Of the last page: how many bytes it has in a request and in state, and a digest of its schema. Without one it takes
    no more.
    """

    first: int = 0
    end: int = 0
    young: int = 0
    requested: int = 0
    packed: int = 0
    schema: bytes = b""

    @classmethod
    def unpack(cls, data: bytes) -> Index:
        """Read back what :meth:`pack` wrote."""
        return cls._make((*_INDEX.unpack_from(data), data[_INDEX.size :]))

    def pack(self) -> bytes:
        """Write it for state."""
        return _INDEX.pack(*self[:5]) + self.schema

    def joined_by(self, waiting: Waiting, packed: int) -> Index:
        """The index once *waiting*, of so many bytes in state, is in the last page; in a new one if it does not fit."""
        requested = request_bytes(waiting.batch.rows)
        schema = b"" if waiting.alone else _digest(waiting.batch.rows.schema)
        fits = (
            self.first < self.end
            and schema == self.schema != b""
            and self.requested + requested <= HEAD_BYTES
            and self.packed + packed <= PAGE_BYTES
        )
        if fits:
            return self._replace(requested=self.requested + requested, packed=self.packed + packed)
        return self._replace(end=self.end + 1, requested=requested, packed=packed, schema=schema)


class Placed(NamedTuple):
    """A batch of the inbox, the number of the page it goes to, and its bytes."""

    number: int
    waiting: Waiting
    value: bytes


@dataclass(frozen=True, slots=True)
class Queue:
    """Batches decided and not yet assigned to an offset, and the head that is.

    A bundle that only adds needs no *pages*.
    """

    inbox: Bag
    head: Cell
    index: Cell
    pages: Sequence[Bag] = ()

    def add(self, batch: MicroBatch) -> None:
        """Let a batch wait; reads nothing."""
        self.inbox.add(pack_waiting(Waiting(batch)))

    def take(self) -> list[Waiting]:
        """Take the oldest page out; nothing is left in the inbox. Empty when nothing waits."""
        before = self._read()
        placed, index = self._emptied(before)
        number = index.first
        if number == index.end:
            return []
        taken = self._removed(number) if number < before.end else []
        taken += [each.waiting for each in placed if each.number == number]
        self._put(each for each in placed if each.number != number)
        self._write(index._replace(first=number + 1))
        return taken

    def is_empty(self) -> bool:
        """Whether nothing waits, not even the head; reads the inbox."""
        index, head = self._read(), self.read_head()
        return (
            index.first == index.end and (head is None or not head.batches) and not any(True for _ in self.inbox.read())
        )

    def store(self) -> None:
        """Move what is in the inbox behind what waits."""
        placed, index = self._emptied(self._read())
        if placed:
            self._put(placed)
            self._write(index)

    def put_first(self, batches: Iterable[MicroBatch]) -> None:
        """Let a page of *batches* be taken before all others; nothing is ever added to it, and it is not joined."""
        index = self._read()
        number = index.first - 1
        for batch in batches:
            self._bag(number).add(_tagged(number, pack_waiting(Waiting(batch, alone=True))))
        closed = index._replace(schema=b"") if index.first == index.end else index
        self._write(closed._replace(first=number))

    def read_head(self) -> Head | None:
        """The head; None before the first."""
        value = self.head.read()
        return unpack_head(value) if value else None

    def write_head(self, head: Head) -> None:
        """Commit a head with this bundle."""
        self.head.write(pack_head(head))

    def has_only_young(self) -> bool:
        """Whether no row waits, nor is in the head, that was decided before :meth:`begin_young` was last called.

        The head came from a page before the first. What is put first again has a smaller number than its page had, so
        it may count as old when it is not, which only delays.
        """
        index = self._read()
        if index.first != index.young:
            return index.first > index.young
        head = self.read_head()
        return head is None or not head.batches

    def begin_young(self) -> None:
        """Whatever is added from now on is young. The inbox has to be empty."""
        index = self._read()
        self._write(index._replace(young=index.end, schema=b""))

    def _emptied(self, index: Index) -> tuple[list[Placed], Index]:
        """Take all out of the inbox, and give it a page each. What a job of before there were pages has left is old."""
        placed, is_first = [], self.index.read() is None
        for value in self.inbox.read():
            waiting = unpack_waiting(value)
            index = index.joined_by(waiting, len(value))
            placed.append(Placed(index.end - 1, waiting, value))
        if placed:
            self.inbox.clear()
        return placed, index._replace(young=index.end) if is_first else index

    def _put(self, placed: Iterable[Placed]) -> None:
        for number, _, value in placed:
            self._bag(number).add(_tagged(number, value))

    def _removed(self, number: int) -> list[Waiting]:
        """Take a page out of its bag."""
        bag = self._bag(number)
        taken: list[bytes] = []
        others: list[bytes] = []
        for value in bag.read():
            (taken if _number_of(value) == number else others).append(value)
        bag.clear()
        for each in others:
            bag.add(each)
        return [unpack_waiting(each[_NUMBER.size :]) for each in taken]

    def _bag(self, number: int) -> Bag:
        return self.pages[number % len(self.pages)]

    def _read(self) -> Index:
        value = self.index.read()
        return Index() if value is None else Index.unpack(value)

    def _write(self, index: Index) -> None:
        self.index.write(index.pack())


def _digest(schema: pa.Schema) -> bytes:
    return blake2b(schema.serialize(), digest_size=8).digest()


def _tagged(number: int, value: bytes) -> bytes:
    return _NUMBER.pack(number) + value


def _number_of(value: bytes) -> int:
    (number,) = _NUMBER.unpack_from(value)
    return int(number)
