"""A subject's tap: its latest outcomes, for whoever follows the subject. It keeps nothing while nobody does.

A tap is a sample: it never delays the subject, and its memory is bounded. Rows are masked; of a dead letter it has no
more than the reason.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import pyarrow as pa

from headrace.core.dead_letter import DeadLetter, source_of
from headrace.core.micro_batch import MicroBatch
from headrace.core.outcome import Outcome

FOLLOWED_SECONDS: Final = 5.0  # after the last look; whoever follows looks more often
SAMPLE: Final = 50  # events of one outcome that a round adds
KEPT: Final = 500  # events of each outcome
KEPT_BYTES: Final = 4 * 1024 * 1024  # of the rows of each outcome


@dataclass(frozen=True, slots=True)
class TappedEvent:
    """One event and its outcome. *at* is when the outcome was durable, in microseconds since 1970.

    *row* has one row. A dead letter has no row: it has *letter_id*, *reason* and *detail* instead.
    """

    number: int
    outcome: Outcome
    at: int
    published_at: int
    row: pa.RecordBatch | None = field(default=None, repr=False)
    letter_id: str = ""
    reason: str = ""
    detail: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Tapped:
    """The events after a number, by number, the last number given out, and how many events each outcome has had."""

    events: list[TappedEvent]
    last: int
    seen: dict[str, int]


class Tap:
    """The latest outcomes of one subject. Thread-safe. *monotonic* gives seconds, *clock* microseconds since 1970."""

    def __init__(self, monotonic: Callable[[], float], clock: Callable[[], int]) -> None:
        self._monotonic = monotonic
        self._clock = clock
        self._until = 0.0
        self._lock = threading.Lock()
        self._kept: dict[Outcome, deque[TappedEvent]] = {}
        self._bytes: Counter[Outcome] = Counter()
        self._seen: Counter[str] = Counter()
        self._last = 0

    @property
    def is_followed(self) -> bool:
        """Whether somebody has looked lately."""
        return self._until > 0.0 and self._monotonic() < self._until

    def look(self, after: int) -> Tapped:
        """Return what was noted after the number *after*, and keep what comes in the next seconds."""
        with self._lock:
            if not self.is_followed:
                self._forget()
            self._until = self._monotonic() + FOLLOWED_SECONDS
            new = (event for kept in self._kept.values() for event in kept if event.number > after)
            return Tapped(sorted(new, key=lambda event: event.number), self._last, dict(self._seen))

    def note(self, outcome: Outcome, batch: MicroBatch) -> None:
        """Note the rows of *batch*, all of which have the same outcome."""
        if not self.is_followed:
            return
        sample = batch.take(range(min(SAMPLE, len(batch))))
        published = sample.notes.column("published_at").to_pylist()
        with self._lock:
            self._seen[outcome] += len(batch)
            for place, moment in enumerate(published):
                self._keep(TappedEvent(self._next(), outcome, self._clock(), moment, sample.rows.slice(place, 1)))

    def note_letters(self, project: str, letters: Iterable[DeadLetter]) -> None:
        """Note dead letters of a job of *project*."""
        if not self.is_followed:
            return
        every = list(letters)
        with self._lock:
            self._seen[Outcome.DEAD_LETTERED] += len(every)
            for letter in islice(every, SAMPLE):
                self._keep(self._of_letter(source_of(letter.message, project), letter))

    def _of_letter(self, source: str, letter: DeadLetter) -> TappedEvent:
        return TappedEvent(
            self._next(),
            Outcome.DEAD_LETTERED,
            self._clock(),
            letter.message.published_at,
            letter_id=letter.letter_id(source),
            reason=letter.reason,
            detail=letter.detail,
        )

    def _next(self) -> int:
        self._last += 1
        return self._last

    def _keep(self, event: TappedEvent) -> None:
        kept = self._kept.setdefault(event.outcome, deque())
        kept.append(event)
        self._bytes[event.outcome] += _size(event)
        while len(kept) > KEPT or self._bytes[event.outcome] > KEPT_BYTES:
            self._bytes[event.outcome] -= _size(kept.popleft())

    def _forget(self) -> None:
        self._kept.clear()
        self._bytes.clear()
        self._seen.clear()


def _size(event: TappedEvent) -> int:
    return 0 if event.row is None else int(event.row.nbytes)
