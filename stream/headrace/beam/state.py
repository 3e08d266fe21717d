"""The state of one (table, shard): values and bags that change only with their bundle's commit.

Beam's state objects have the methods of these protocols, and so do the objects of tests that repeat bundles.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import pyarrow.compute as pc

from headrace.core.micro_batch import MicroBatch
from headrace.steps.deduplicate import SeenIds, chained, without

Key = tuple[str, int]  # (subject, shard)


class ValueState(Protocol):
    """A state with one value."""

    def read(self) -> bytes | None:
        """Return the value written last, including in this bundle."""

    def write(self, value: bytes) -> None:
        """Replace the value."""


class BagState(Protocol):
    """A state with values in no order."""

    def read(self) -> Iterable[bytes]:
        """Return all values, including those added in this bundle."""

    def add(self, value: bytes) -> None:
        """Add *value* without reading."""

    def clear(self) -> None:
        """Remove all values."""


@dataclass
class WorkerCache:
    """Values that a worker keeps between reads of state.

    *seen* has unpacked ids, which are valid for their version. *assigned* has the keys whose pending append this bundle
    wrote.
    """

    seen: dict[Key, SeenIds] = field(default_factory=dict)
    assigned: set[Key] = field(default_factory=set)

    def begin_bundle(self) -> None:
        """Forget the assignments of earlier bundles, which are now committed or lost."""
        self.assigned.clear()


class IdsMetadata(NamedTuple):
    """The facts about the remembered ids.

    *turns* is how often their older half was forgotten. The ids of messages published after *since* are complete, and
    *newest* is the latest publish time among them, both in microseconds since 1970. *version* identifies the set of
    ids, and *table* is a digest of the table's identity.
    """

    turns: int = 0
    since: int = 0
    newest: int = 0
    version: bytes = b""
    table: bytes = b""


_TIMES: Final = struct.Struct(">qqq")
_VERSION_BYTES: Final = 16
TABLE_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """The remembered ids, in two bags by age.

    When the newer bag has half of the budget, and no row with an id of the older bag waits, the older bag is emptied
    and becomes the newer one. So no id is copied, and no bag is read while the worker's cache has the current version.
    Content hashes are compared if they have one of the *comparable* rules.
    """

    key: Key
    even: BagState
    odd: BagState
    metadata: ValueState
    cache: WorkerCache
    budget: int
    comparable: frozenset[int] | None = None

    def seen(self) -> SeenIds:
        """Return the committed ids with the changes of this bundle."""
        metadata = self._read() or IdsMetadata()
        seen = self.cache.seen.get(self.key)
        if seen is None or seen.version != metadata.version:
            older, recent = self._bag(metadata.turns + 1).read(), self._bag(metadata.turns).read()
            seen = SeenIds(older, recent, metadata.version, budget=self.budget, comparable=self.comparable)
            self.cache.seen[self.key] = seen
        return seen

    def since(self) -> int | None:
        """Return the publish time after which the ids of all messages are remembered, or None in new state."""
        metadata = self._read()
        return None if metadata is None else metadata.since

    def begin(self, since: int, table: bytes = b"") -> None:
        """Begin to remember the ids of messages for *table* published after *since*, in microseconds since 1970."""
        self._write(IdsMetadata(since=since, table=table))

    def table(self) -> bytes:
        """Return the digest of the table's identity, which is empty while it is unknown."""
        return (self._read() or IdsMetadata()).table

    def note_table(self, table: bytes) -> None:
        """Store the digest of the table's identity."""
        self._write((self._read() or IdsMetadata())._replace(table=table))

    def begin_anew(self, since: int, table: bytes) -> None:
        """Forget every id, because their table is gone. No row with one of the ids may wait."""
        metadata = self._read() or IdsMetadata()
        self.even.clear()
        self.odd.clear()
        self.cache.seen.pop(self.key, None)
        self._write(IdsMetadata(metadata.turns, since, 0, chained(metadata.version, b"another table"), table))

    def remember(self, batch: MicroBatch) -> None:
        """Remember the id of every row of *batch*. Each row is pending from now on, and later written."""
        seen, metadata = self.seen(), self._read() or IdsMetadata()
        self._bag(metadata.turns).add(seen.remember(batch))
        newest = max(metadata.newest, pc.max(batch.notes.column("published_at")).as_py())
        self._write(metadata._replace(newest=newest, version=seen.version))

    def is_due(self) -> bool:
        """Return whether the newer ids use up half of the budget."""
        return self.seen().is_due()

    def turn(self, now: int) -> None:
        """Forget the older half of the ids. From now on, messages published until *now* are looked up in the table.

        No row with one of these ids may wait: it is not in the table yet, so no lookup would find it.
        """
        seen, metadata = self.seen(), self._read() or IdsMetadata()
        seen.turn()
        self._bag(metadata.turns + 1).clear()
        since = max(metadata.since, metadata.newest, now)
        self._write(IdsMetadata(metadata.turns + 1, since, metadata.newest, seen.version, metadata.table))

    def forget(self, batch: MicroBatch) -> None:
        """Forget the id of every row of *batch*. Each becomes a dead letter in this commit, and may be replayed."""
        keys = frozenset(batch.notes.column("event_key").to_pylist())
        for bag in (self.even, self.odd):
            kept = without(bag.read(), keys)
            bag.clear()
            for chunk in kept:
                bag.add(chunk)
        metadata = self._read() or IdsMetadata()
        self._write(metadata._replace(version=chained(metadata.version, b"".join(sorted(keys)))))
        self.cache.seen.pop(self.key, None)

    def _bag(self, turn: int) -> BagState:
        return self.odd if turn % 2 else self.even

    def _read(self) -> IdsMetadata | None:
        value = self.metadata.read()
        if value is None:
            return None
        turns, since, newest = _TIMES.unpack_from(value)
        rest = value[_TIMES.size :]
        table_bytes = len(rest) % _VERSION_BYTES  # 0 while the table's identity is unknown
        return IdsMetadata(turns, since, newest, rest[table_bytes:], rest[:table_bytes])

    def _write(self, metadata: IdsMetadata) -> None:
        times = _TIMES.pack(metadata.turns, metadata.since, metadata.newest)
        self.metadata.write(times + metadata.table + metadata.version)
