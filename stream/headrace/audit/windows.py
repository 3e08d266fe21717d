"""One window of one subject: what was tallied held against what the table has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """What can be said of a window that does not fit."""

    LOST = "lost"
    DOUBLED = "doubled"
    UNEXPLAINED = "unexplained"
    REPLACED = "replaced"
    CHANGED = "changed"
    UNSETTLED = "unsettled"
    UNRECEIVED = "unreceived"
    COPIED = "copied"
    GAP = "gap"
    EXPIRED = "expired"
    IN_FLIGHT = "in_flight"

    @property
    def excused(self) -> bool:
        """Whether it is said, but is no difference."""
        return self in (Kind.EXPIRED, Kind.IN_FLIGHT)

    @property
    def words(self) -> str:
        """What it means, for people."""
        return _WORDS[self]


_WORDS: Final = {
    Kind.LOST: "tallied as written, and no row is there",
    Kind.DOUBLED: "rows whose id an earlier row has",
    Kind.UNEXPLAINED: "rows that nobody tallied",
    Kind.REPLACED: "as many rows as tallied, but of other events",
    Kind.CHANGED: "the events that were tallied, but with other contents",
    Kind.UNSETTLED: "received, and still without an outcome",
    Kind.UNRECEIVED: "outcomes of events that nobody tallied as received",
    Kind.COPIED: "tally lines that stand there again; each is counted once",
    Kind.GAP: "events published then may never have arrived: the subscription was not as it should be",
    Kind.EXPIRED: "tallied as written, in a partition that may have expired",
    Kind.IN_FLIGHT: "received without an outcome, or rows without a tally, so far",
}


class Hashes(NamedTuple):
    """Sums modulo 2^64, as signed integers, over the events of a window."""

    ids: int
    contents: int


NOTHING: Final = Hashes(0, 0)


class ReadBack(NamedTuple):
    """The rows of a window that were read back: how many, and their hashes."""

    rows: int = 0
    hashes: Hashes = NOTHING


@dataclass(slots=True)
class Tallied:
    """What the tallies say of a window.

    *recent_received* were received so lately that their outcome may be on its way; *recent_settled* have an outcome
    tallied so lately that the tally of their receipt may be. *lost* rows went with their table, and were tallied in a
    table of tallies that is gone too.
    """

    received: int = 0
    recent_received: int = 0
    recent_settled: int = 0
    written: int = 0
    duplicates: int = 0
    dropped: int = 0
    dead_lettered: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    hashes: Hashes = NOTHING

    @property
    def settled(self) -> int:
        """Events with an outcome."""
        return self.written + self.duplicates + self.dropped + sum(self.dead_lettered.values())


class Stored(NamedTuple):
    """What the table holds of a window: *ids* rows are the first of their id, *doubled* are not.

    *recent* of the first ones came so lately that their tally may be on its way.
    """

    ids: int = 0
    doubled: int = 0
    recent: int = 0


class Finding(NamedTuple):
    """Something of a kind in the window that starts at *start*, in microseconds since 1970.

    *events* is how many; None where hashes differ, which says that there is one at least. *start* is None for what
    belongs to no window.
    """

    kind: Kind
    start: int | None
    events: int | None


class Window(NamedTuple):
    """A window with both sides of it."""

    start: int
    tallied: Tallied
    stored: Stored

    @property
    def comparable(self) -> bool:
        """Whether reading the rows back could tell more."""
        return self.stored.ids == self.tallied.written > 0 and not self.stored.doubled


def side_by_side(tallied: Iterable[tuple[int, Tallied]], stored: Iterable[tuple[int, Stored]]) -> Iterator[Window]:
    """Pair two streams in order of their windows; a window that one lacks is empty there."""
    left, right = iter(tallied), iter(stored)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        start = min(each[0] for each in (a, b) if each is not None)
        here = a is not None and a[0] == start, b is not None and b[0] == start
        yield Window(start, a[1] if a and here[0] else Tallied(), b[1] if b and here[1] else Stored())
        a = next(left, None) if here[0] else a
        b = next(right, None) if here[1] else b


def judge(window: Window, expired: bool) -> Iterator[Finding]:
    """Say what does not fit in a window, by counts; *expired*: its rows may be gone with their partition."""
    tallied, stored = window.tallied, window.stored
    open_ = tallied.received - tallied.settled
    extra = stored.ids - tallied.written
    found = {
        Kind.LOST: 0 if expired else max(-extra, 0) + tallied.lost,
        Kind.DOUBLED: stored.doubled,
        Kind.UNEXPLAINED: extra - stored.recent,
        Kind.UNSETTLED: open_ - tallied.recent_received,
        Kind.UNRECEIVED: -open_ - tallied.recent_settled,
        Kind.EXPIRED: -extra if expired else 0,
        Kind.IN_FLIGHT: max(
            min(open_, tallied.recent_received), min(-open_, tallied.recent_settled), min(extra, stored.recent)
        ),
    }
    for kind, events in found.items():
        if events > 0:
            yield Finding(kind, window.start, events)


def compare_contents(window: Window, found: ReadBack) -> Iterator[Finding]:
    """Say whether the rows read back are those that were tallied; rows come and go while an audit looks, too."""
    tallied, more = window.tallied.hashes, found.rows - window.stored.ids
    if more:
        yield Finding(Kind.IN_FLIGHT if more > 0 else Kind.LOST, window.start, abs(more))
    elif found.hashes.ids != tallied.ids:
        yield Finding(Kind.REPLACED, window.start, None)
    elif found.hashes.contents != tallied.contents:
        yield Finding(Kind.CHANGED, window.start, None)
