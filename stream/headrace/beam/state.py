"""What one (table, shard) keeps in state: cells that change with their bundle's commit, or not at all.

Beam's state objects have these methods; so has whoever replays bundles in a test.
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


class Mark(NamedTuple):
    """What one cell says of the ids: how often they have turned, since when they are complete, the newest publish time
    among them (both in microseconds since 1970), their version, and a digest of the table's identity."""

    turns: int = 0
    since: int = 0
    newest: int = 0
    version: bytes = b""
    table: bytes = b""


_TIMES: Final = struct.Struct(">qqq")
_VERSION_BYTES: Final = 16
TABLE_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids remembered, in two bags by age: each half of the budget the older bag is emptied and becomes the newer, once
    none of its rows waits.

    So nothing written is copied, and no bag is read while the worker's memory has the committed version.
    """

    key: Key
    even: Bag
    odd: Bag
    version: Cell
    memory: Memory
    budget: int

    def seen(self) -> SeenIds:
        """The ids as committed, and as changed in this bundle."""
        mark = self._read() or Mark()
        seen = self.memory.seen.get(self.key)
        if seen is None or seen.version != mark.version:
            older, recent = self._bag(mark.turns + 1).read(), self._bag(mark.turns).read()
            seen = SeenIds(older, recent, mark.version, self.budget)
            self.memory.seen[self.key] = seen
        return seen

    def since(self) -> int | None:
        """Of messages published after this moment every id is remembered; None when nothing is known yet."""
        mark = self._read()
        return None if mark is None else mark.since

    def begin(self, since: int, table: bytes = b"") -> None:
        """Remember ids of messages that are published after *since*, in microseconds since 1970; of this *table*."""
        self._write(Mark(since=since, table=table))

    def table(self) -> bytes:
        """A digest of the identity of the table whose ids these are; nothing when nobody noted it."""
        return (self._read() or Mark()).table

    def note_table(self, table: bytes) -> None:
        """Note whose ids these are."""
        self._write((self._read() or Mark())._replace(table=table))

    def begin_anew(self, since: int, table: bytes) -> None:
        """Forget every id, because they are of a table that is gone; none of their rows may wait."""
        mark = self._read() or Mark()
        self.even.clear()
        self.odd.clear()
        self.memory.seen.pop(self.key, None)
        self._write(Mark(mark.turns, since, 0, chained(mark.version, b"another table"), table))

    def remember(self, batch: MicroBatch) -> None:
        """Remember every row of *batch*: from here on it is pending, then written."""
        seen, mark = self.seen(), self._read() or Mark()
        self._bag(mark.turns).add(seen.remember(batch))
        newest = max(mark.newest, pc.max(batch.notes.column("published_at")).as_py())
        self._write(mark._replace(newest=newest, version=seen.version))

    def is_due(self) -> bool:
        """Whether half of the budget is used up by the younger half of the ids."""
        return self.seen().is_due()

    def turn(self, now: int) -> None:
        """Forget the older half of the ids; what was published until *now* is looked up from here on.

        None of their rows may wait: it does not stand in the table yet, so no lookup would find it.
        """
        seen, mark = self.seen(), self._read() or Mark()
        seen.turn()
        self._bag(mark.turns + 1).clear()
        since = max(mark.since, mark.newest, now)
        self._write(Mark(mark.turns + 1, since, mark.newest, seen.version, mark.table))

    def forget(self, batch: MicroBatch) -> None:
        """Forget every row of *batch*: it becomes a dead letter in this commit, and may be replayed."""
        keys = frozenset(batch.notes.column("event_key").to_pylist())
        for bag in (self.even, self.odd):
            kept = without(bag.read(), keys)
            bag.clear()
            bag.add(kept)
        mark = self._read() or Mark()
        self._write(mark._replace(version=chained(mark.version, b"".join(sorted(keys)))))
        self.memory.seen.pop(self.key, None)

    def _bag(self, turn: int) -> Bag:
        return self.odd if turn % 2 else self.even

    def _read(self) -> Mark | None:
        value = self.version.read()
        if value is None:
            return None
        turns, since, newest = _TIMES.unpack_from(value)
        rest = value[_TIMES.size :]
        known = len(rest) % _VERSION_BYTES  # a job that knew nothing of tables wrote a version or nothing
        return Mark(turns, since, newest, rest[known:], rest[:known])

    def _write(self, mark: Mark) -> None:
        self.version.write(_TIMES.pack(mark.turns, mark.since, mark.newest) + mark.table + mark.version)
