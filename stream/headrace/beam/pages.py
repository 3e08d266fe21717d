"""The batches that wait at one key, in pages, so that a bundle reads and writes only as much as one append.

``add`` puts a batch into one bag, the inbox, without reading state. The key's next timer empties the inbox: into the
pending append if nothing else waits, otherwise into pages, each as large as one append. Pages are numbered. State needs
names that are known when the job starts, so pages share a fixed number of bags: page *n* is in bag *n* modulo that
number. If more pages wait than there are bags, some bags hold several pages, and taking one page rewrites the others.

This module does not use Beam.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple

import pyarrow as pa

from headrace.beam.packing import PendingAppend, QueuedBatch, pack_pending, pack_queued, unpack_pending, unpack_queued
from headrace.beam.state import BagState, ValueState
from headrace.core.micro_batch import MicroBatch
from headrace.steps.append import request_bytes

# Bytes of a request. Batches are joined up to this size, so that many shards send few requests.
APPEND_BYTES: Final = 4_000_000
# Bytes of a page in state, with the sealed messages, below Dataflow's limits for a value and for a commit.
PAGE_BYTES: Final = 32_000_000
BAGS: Final = 64  # of a (table, shard); two pages share a bag only when some 600 MB to 1 GB wait
_NUMBER: Final = struct.Struct(">q")
_INDEX: Final = struct.Struct(">qqqqq")


class PageIndex(NamedTuple):
    """The numbers of the waiting pages, from *first* up to but not including *end*, and the size of the last one.

    Pages from *young* on have no row whose id is in the older half of the remembered ids. *requested* and *packed* are
    the bytes of the last page in a request and in state. *schema* is the digest of its schema, or empty if no batch may
    join it.
    """

    first: int = 0
    end: int = 0
    young: int = 0
    requested: int = 0
    packed: int = 0
    schema: bytes = b""

    @classmethod
    def unpack(cls, data: bytes) -> PageIndex:
        """Read the output of :meth:`pack`."""
        return cls._make((*_INDEX.unpack_from(data), data[_INDEX.size :]))

    def pack(self) -> bytes:
        """Return the index as bytes for state."""
        return _INDEX.pack(*self[:5]) + self.schema

    def with_batch(self, queued: QueuedBatch, packed: int) -> PageIndex:
        """Return the index with *queued* added to the last page or to a new one; it has *packed* bytes in state."""
        requested = request_bytes(queued.batch.rows)
        schema = b"" if queued.alone else _digest(queued.batch.rows.schema)
        fits = (
            self.first < self.end
            and schema == self.schema != b""
            and self.requested + requested <= APPEND_BYTES
            and self.packed + packed <= PAGE_BYTES
        )
        if fits:
            return self._replace(requested=self.requested + requested, packed=self.packed + packed)
        return self._replace(end=self.end + 1, requested=requested, packed=packed, schema=schema)


class PlacedBatch(NamedTuple):
    """A batch of the inbox, the number of its page, and its bytes in state."""

    number: int
    queued: QueuedBatch
    value: bytes


@dataclass(frozen=True, slots=True)
class PagedQueue:
    """The batches that are not yet assigned to an offset, and the pending append, which has an offset.

    A bundle that only adds batches needs no *pages*.
    """

    inbox: BagState
    pending: ValueState
    index: ValueState
    pages: Sequence[BagState] = ()

    def add(self, batch: MicroBatch) -> None:
        """Queue a batch without reading state."""
        self.inbox.add(pack_queued(QueuedBatch(batch)))

    def take(self) -> list[QueuedBatch]:
        """Remove and return the oldest page, or an empty list if nothing waits. Also empty the inbox."""
        before = self._read()
        placed, index = self._drain_inbox(before)
        number = index.first
        if number == index.end:
            return []
        taken = self._remove_page(number) if number < before.end else []
        taken += [each.queued for each in placed if each.number == number]
        self._put(each for each in placed if each.number != number)
        self._write(index._replace(first=number + 1))
        return taken

    def is_empty(self) -> bool:
        """Return whether no batch waits or is pending. This reads the inbox."""
        index, pending = self._read(), self.read_pending()
        return (
            index.first == index.end
            and (pending is None or not pending.batches)
            and not any(True for _ in self.inbox.read())
        )

    def store(self) -> None:
        """Move the batches of the inbox into pages."""
        placed, index = self._drain_inbox(self._read())
        if placed:
            self._put(placed)
            self._write(index)

    def put_first(self, batches: Iterable[MicroBatch]) -> None:
        """Make a page of *batches* that is taken before all others, and to which no other batch is ever added."""
        index = self._read()
        number = index.first - 1
        for batch in batches:
            self._bag(number).add(_tagged(number, pack_queued(QueuedBatch(batch, alone=True))))
        closed = index._replace(schema=b"") if index.first == index.end else index
        self._write(closed._replace(first=number))

    def read_pending(self) -> PendingAppend | None:
        """Return the pending append, or None before the first one."""
        value = self.pending.read()
        return unpack_pending(value) if value else None

    def write_pending(self, pending: PendingAppend) -> None:
        """Write the pending append; it is committed with this bundle."""
        self.pending.write(pack_pending(pending))

    def has_only_young(self) -> bool:
        """Return whether every row that waits or is pending was decided after the last call of :meth:`begin_young`.

        The pending append came from the page before the first. A page that was put first again has a smaller number
        than before, so it may count as old although it is young. This only delays the next turn.
        """
        index = self._read()
        if index.first != index.young:
            return index.first > index.young
        pending = self.read_pending()
        return pending is None or not pending.batches

    def begin_young(self) -> None:
        """Count all batches that are added from now on as young. The inbox must be empty."""
        index = self._read()
        self._write(index._replace(young=index.end, schema=b""))

    def _drain_inbox(self, index: PageIndex) -> tuple[list[PlacedBatch], PageIndex]:
        """Empty the inbox, and assign each of its batches to a page."""
        placed = []
        for value in self.inbox.read():
            queued = unpack_queued(value)
            index = index.with_batch(queued, len(value))
            placed.append(PlacedBatch(index.end - 1, queued, value))
        if placed:
            self.inbox.clear()
        return placed, index

    def _put(self, placed: Iterable[PlacedBatch]) -> None:
        for number, _, value in placed:
            self._bag(number).add(_tagged(number, value))

    def _remove_page(self, number: int) -> list[QueuedBatch]:
        """Remove a page from its bag, and return its batches."""
        bag = self._bag(number)
        taken: list[bytes] = []
        others: list[bytes] = []
        for value in bag.read():
            (taken if _number_of(value) == number else others).append(value)
        bag.clear()
        for each in others:
            bag.add(each)
        return [unpack_queued(each[_NUMBER.size :]) for each in taken]

    def _bag(self, number: int) -> BagState:
        return self.pages[number % len(self.pages)]

    def _read(self) -> PageIndex:
        value = self.index.read()
        return PageIndex() if value is None else PageIndex.unpack(value)

    def _write(self, index: PageIndex) -> None:
        self.index.write(index.pack())


def _digest(schema: pa.Schema) -> bytes:
    return blake2b(schema.serialize(), digest_size=8).digest()


def _tagged(number: int, value: bytes) -> bytes:
    return _NUMBER.pack(number) + value


def _number_of(value: bytes) -> int:
    (number,) = _NUMBER.unpack_from(value)
    return int(number)
