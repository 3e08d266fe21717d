"""Compare the tallies of one window of one subject with the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """The kind of a difference."""

    LOST = "lost"
    DOUBLED = "doubled"
    UNEXPLAINED = "unexplained"
    REPLACED = "replaced"
    CHANGED = "changed"
    UNSETTLED = "unsettled"
    UNRECEIVED = "unreceived"
    COPIED = "copied"
    GAP = "gap"
    MISSING = "missing"
    EXPIRED = "expired"
    IN_FLIGHT = "in_flight"
    AWAITED = "awaited"
    UNNUMBERED = "unnumbered"

    @property
    def excused(self) -> bool:
        """Whether it is reported, but does not fail the audit."""
        return self in (Kind.EXPIRED, Kind.IN_FLIGHT, Kind.AWAITED, Kind.UNNUMBERED)

    @property
    def words(self) -> str:
        """The meaning in words."""
        return _WORDS[self]


_WORDS: Final = {
    Kind.LOST: "tallied as written, but without a row",
    Kind.DOUBLED: "rows with the id of an earlier row",
    Kind.UNEXPLAINED: "rows without a tally",
    Kind.REPLACED: "as many rows as tallied, but of other events",
    Kind.CHANGED: "the events that were tallied, but with other contents",
    Kind.UNSETTLED: "received, but still without an outcome",
    Kind.UNRECEIVED: "outcomes of events that were not tallied as received",
    Kind.COPIED: "tally lines that were appended again; each is counted once",
    Kind.GAP: "events published then may be missing, because the subscription was wrong",
    Kind.MISSING: "numbers of a source's sequence that never arrived",
    Kind.EXPIRED: "tallied as written, in a partition that may have expired",
    Kind.IN_FLIGHT: "received without an outcome, or rows without a tally, so far",
    Kind.AWAITED: "numbers of a source's sequence that may still arrive",
    Kind.UNNUMBERED: "events whose ce-sequence cannot be read",
}


class Hashes(NamedTuple):
    """Sums modulo 2^64, as signed integers, over the events of a window."""

    ids: int
    contents: int


NOTHING: Final = Hashes(0, 0)


class ReadBack(NamedTuple):
    """The rows of a window that were read back: their number and hashes.

    *in_order* is the sum of contents in which the order of a map's entries counts, as in tallies of earlier releases.
    """

    rows: int = 0
    hashes: Hashes = NOTHING
    in_order: int | None = None


@dataclass(slots=True)
class Tallied:
    """The tallies of a window.

    *recent_received* events were received so recently that their outcome may be in flight; *recent_settled* events
    have an outcome so recent that the tally of their receipt may be in flight. *lost* rows were deleted with their
    table, and so were their tallies.
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
    """The rows of a window in the table: *ids* rows are the first with their id, *doubled* are not.

    The tallies of *recent* of the first ones may be in flight.
    """

    ids: int = 0
    doubled: int = 0
    recent: int = 0


class Finding(NamedTuple):
    """A difference of one kind in the window that starts at *start*, in microseconds since 1970.

    *events* is ``None`` if hashes differ, which shows at least one event. *start* is ``None`` without a window.
    """

    kind: Kind
    start: int | None
    events: int | None


class Window(NamedTuple):
    """A window with its tallies and rows."""

    start: int
    tallied: Tallied
    stored: Stored

    @property
    def comparable(self) -> bool:
        """Whether reading the rows back can reveal more differences."""
        return self.stored.ids == self.tallied.written > 0 and not self.stored.doubled


def side_by_side(tallied: Iterable[tuple[int, Tallied]], stored: Iterable[tuple[int, Stored]]) -> Iterator[Window]:
    """Pair two streams by window, in order; a window that is missing in one is empty there."""
    left, right = iter(tallied), iter(stored)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        start = min(each[0] for each in (a, b) if each is not None)
        here = a is not None and a[0] == start, b is not None and b[0] == start
        yield Window(start, a[1] if a and here[0] else Tallied(), b[1] if b and here[1] else Stored())
        a = next(left, None) if here[0] else a
        b = next(right, None) if here[1] else b


def compare_counts(window: Window, expired: bool) -> Iterator[Finding]:
    """Yield the differences of a window's counts; if *expired*, its partition may be deleted."""
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
    """Yield the differences between rows read back and their tallies; rows may change while the audit reads."""
    tallied, more = window.tallied.hashes, found.rows - window.stored.ids
    if more:
        yield Finding(Kind.IN_FLIGHT if more > 0 else Kind.LOST, window.start, abs(more))
    elif found.hashes.ids != tallied.ids:
        yield Finding(Kind.REPLACED, window.start, None)
    elif tallied.contents not in (found.hashes.contents, found.in_order):
        yield Finding(Kind.CHANGED, window.start, None)
