"""Arrivals: the numbers of the events that arrived, by source, epoch and window of their publish time.

They travel as counts of a tally, in place of an outcome, so that they are as durable as all others: each range is one
text. The union of ranges does not change when an event arrives again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

import pyarrow as pa

from headrace.core.message import Message
from headrace.core.number_ranges import NumberRange, ranges_of, union
from headrace.core.outcome import ARRIVED, UNNUMBERED
from headrace.core.tally import COUNTS, Tally
from headrace.schemas.sequence import ATTRIBUTE, SequenceNumber

_SOURCE: Final = "ce-source"
_MICROSECOND: Final = timedelta(microseconds=1)


class Arrival(NamedTuple):
    """The *numbers* of one *source* and *epoch* that arrived, in the window of their publish time.

    *published_until* is the latest publish time of these events. Times are in microseconds since 1970.
    """

    source: str
    epoch: str
    window_start: int
    numbers: NumberRange
    published_until: int

    def packed(self) -> str:
        """Return everything except the window as one text.

        >>> Arrival("/checkout", "a1", 0, NumberRange(4, 6), 90).packed()
        '4 6 90 a1 /checkout'
        """
        return f"{self.numbers.first} {self.numbers.last} {self.published_until} {self.epoch} {self.source}"

    @classmethod
    def unpacked(cls, text: str, window_start: int) -> Arrival:
        """Return the arrival whose :meth:`packed` gave *text*."""
        first, last, until, epoch, source = text.split(" ", 4)
        return cls(source, epoch, window_start, NumberRange(int(first), int(last)), int(until))


def tally_arrivals(messages: Sequence[Message], window: timedelta) -> list[Tally]:
    """Return the numbers of *messages*, whatever becomes of them, and how many have one that cannot be read.

    Most subjects have no numbers, and get no tally.
    """
    numbered = [each for each in messages if ATTRIBUTE in each.attributes]
    if not numbered:
        return []
    size = window // _MICROSECOND
    found: dict[tuple[str, str, int], list[tuple[int, int]]] = {}  # numbers, each with its publish time
    rows: list[dict[str, Any]] = []
    for message in numbered:
        published = message.first_published_at
        start = published - published % size
        sequence, source = SequenceNumber.parse(message.attributes[ATTRIBUTE]), message.attributes.get(_SOURCE)
        if sequence is None or not source:
            rows.append(_row(UNNUMBERED, start))
        else:
            found.setdefault((source, sequence.epoch, start), []).append((sequence.number, published))
    rows += [_row(each.packed(), each.window_start) for key, seen in found.items() for each in _arrivals(key, seen)]
    subject = {"subject": numbered[0].subject}
    return [Tally(pa.RecordBatch.from_pylist([row | subject for row in rows], COUNTS))]


def _arrivals(key: tuple[str, str, int], seen: Sequence[tuple[int, int]]) -> list[Arrival]:
    until = max(published for _, published in seen)
    return [Arrival(*key, numbers, until) for numbers in ranges_of(number for number, _ in seen)]


def arrivals_in(counts: Iterable[Mapping[str, Any]]) -> list[Arrival]:
    """Return the arrivals of rows of :data:`headrace.core.tally.COUNTS`, joined."""
    return joined(
        Arrival.unpacked(each["reason"], each["window_start"]) for each in counts if each["reason"] != UNNUMBERED
    )


def joined(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return the fewest arrivals with the same numbers of each source, epoch and window, in order."""
    ranges: dict[tuple[str, str, int], list[NumberRange]] = {}
    until: dict[tuple[str, str, int], int] = {}
    for each in arrivals:
        key = each.source, each.epoch, each.window_start
        ranges.setdefault(key, []).append(each.numbers)
        until[key] = max(until.get(key, each.published_until), each.published_until)
    return [Arrival(*key, numbers, until[key]) for key in sorted(ranges) for numbers in union(ranges[key])]


def _row(reason: str, start: int) -> dict[str, Any]:
    return {"outcome": ARRIVED, "reason": reason, "window_start": start, "events": 1, "id_hash": 0, "content_hash": 0}
