"""What one (table, shard) keeps in state: cells that change with their bundle's commit, or not at all.

Beam's state objects have these methods; so has whoever replays bundles in a test.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from stream.batch import MicroBatch
from stream.dataflow.packing import Head, Waiting, pack_head, pack_waiting, unpack_head, unpack_waiting
from stream.deduplicate import SeenIds, chained, without

Key = tuple[str, int]  # (subject, shard)


class Cell(Protocol):
    """One value."""

    def read(self) -> bytes | None:
        """What was written last, in this bundle too."""

    def write(self, value: bytes) -> None:
        """Put *value* in its place."""


class Bag(Protocol):
    """Values in no order."""

    def read(self) -> Iterable[bytes]:
        """Everything added, in this bundle too."""

    def add(self, value: bytes) -> None:
        """Add *value*; reads nothing."""

    def clear(self) -> None:
        """Empty it."""


@dataclass
class Memory:
    """What a worker holds outside state: ids it has unpacked, by their version, and the heads of this bundle."""

    seen: dict[Key, SeenIds] = field(default_factory=dict)
    assigned: set[Key] = field(default_factory=set)

    def begin_bundle(self) -> None:
        """What earlier bundles assigned is committed, or gone."""
        self.assigned.clear()


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids remembered, in two bags by age: each half of the budget the older bag is emptied and becomes the newer.

    So nothing is copied, and no bag is read while the worker's memory has the committed version.
    """

    key: Key
    even: Bag
    odd: Bag
    version: Cell
    memory: Memory
    budget: int

    def seen(self) -> SeenIds:
        """The ids as committed, and as changed in this bundle."""
        turns, version = self._read_version()
        seen = self.memory.seen.get(self.key)
        if seen is None or seen.version != version:
            seen = SeenIds(self._bag(turns + 1).read(), self._bag(turns).read(), version)
            self.memory.seen[self.key] = seen
        return seen

    def remember(self, batch: MicroBatch) -> None:
        """Remember every row of *batch*: from here on it is pending, then written."""
        seen = self.seen()
        turns, _ = self._read_version()
        self._bag(turns).add(seen.remember(batch))
        if seen.is_due(self.budget):
            seen.turn()
            turns += 1
            self._bag(turns).clear()
        self._write_version(turns, seen.version)

    def forget(self, batch: MicroBatch) -> None:
        """Forget every row of *batch*: it becomes a dead letter in this commit, and may be replayed."""
        keys = frozenset(batch.notes.column("event_key").to_pylist())
        for bag in (self.even, self.odd):
            kept = without(bag.read(), keys)
            bag.clear()
            bag.add(kept)
        turns, version = self._read_version()
        self._write_version(turns, chained(version, b"".join(sorted(keys))))
        self.memory.seen.pop(self.key, None)

    def _bag(self, turn: int) -> Bag:
        return self.odd if turn % 2 else self.even

    def _read_version(self) -> tuple[int, bytes]:
        value = self.version.read()
        return (struct.unpack_from(">q", value)[0], value[8:]) if value else (0, b"")

    def _write_version(self, turns: int, version: bytes) -> None:
        self.version.write(struct.pack(">q", turns) + version)


@dataclass(frozen=True, slots=True)
class Queue:
    """Batches decided and not yet assigned to an offset, and the head that is."""

    waiting: Bag
    head: Cell

    def add(self, waiting: Waiting) -> None:
        """Let a batch wait; reads nothing."""
        self.waiting.add(pack_waiting(waiting))

    def read(self) -> list[Waiting]:
        """Everything that waits."""
        return [unpack_waiting(value) for value in self.waiting.read()]

    def replace(self, waiting: Iterable[Waiting]) -> None:
        """Let exactly these wait."""
        self.waiting.clear()
        for each in waiting:
            self.add(each)

    def read_head(self) -> Head | None:
        """The head; None before the first."""
        value = self.head.read()
        return unpack_head(value) if value else None

    def write_head(self, head: Head) -> None:
        """Commit a head with this bundle."""
        self.head.write(pack_head(head))
