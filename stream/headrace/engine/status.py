"""How the engine is: what each subject has done, and what is in its way."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

RESOURCES: Final = "resources"  # a subscription or table that is not as it should be
LETTERS: Final = "dead letters"  # where dead letters are kept is not as it should be
CIRCUIT: Final = "circuit"  # its circuit is open: too much of it cannot be read
CONTRACT: Final = "contract"  # a contract that is refused: the subject is not pulled
FAILED: Final = "failed"  # an error that only this subject has: it is tried again
WITHIN: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)  # seconds that an event may take


@dataclass
class SubjectStatus:
    """One subject. Counts are of this process alone; the tallies in BigQuery are the durable ones."""

    subject: str
    ready: bool = False
    resources_right: bool = False  # as far as somebody has looked
    in_the_way: dict[str, str] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)  # what has happened and is dealt with, by where
    counts: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    took: Counter[int] = field(default_factory=Counter)  # by the index in WITHIN; beyond it: longer
    seconds_taken: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def is_circuit_open(self) -> bool:
        """Whether its circuit breaker holds it."""
        return CIRCUIT in self.in_the_way

    def block(self, where: str, sentence: str) -> bool:
        """Note what is in the way of *where*; True when that is news."""
        with self._lock:
            news = self.in_the_way.get(where) != sentence
            self.in_the_way[where] = sentence
            return news

    def unblock(self, where: str) -> bool:
        """Note that nothing is in the way there; True when something was."""
        with self._lock:
            return self.in_the_way.pop(where, None) is not None

    def notice(self, where: str, sentence: str) -> None:
        """Keep what has happened there, for people: nothing is in the way any more."""
        with self._lock:
            self.notices[where] = sentence

    def count(self, name: str, events: int = 1) -> None:
        """Count *events*: received, written, duplicate, dropped, redelivered or acknowledged."""
        with self._lock:
            self.counts[name] += events

    def time(self, now: int, published: Iterable[int]) -> None:
        """Count how long messages took from publish to *now*, both in microseconds."""
        seconds = (now - np.fromiter(published, np.int64)) / 1e6
        places, counts = np.unique(np.searchsorted(WITHIN, seconds), return_counts=True)
        took = dict(zip(places.tolist(), counts.tolist(), strict=True))
        with self._lock:
            self.took.update(took)
            self.seconds_taken += float(seconds.sum())

    def refuse(self, reason: str, events: int) -> None:
        """Count dead letters."""
        with self._lock:
            self.dead_letters[reason] += events


@dataclass
class EngineStatus:
    """The whole engine: *failure* ends it."""

    subjects: dict[str, SubjectStatus]
    failure: BaseException | None = None

    @property
    def alive(self) -> bool:
        """Whether it is worth leaving the process alone."""
        return self.failure is None

    @property
    def ready(self) -> bool:
        """Whether every subject is pulled and nothing is in the way."""
        return self.alive and all(each.ready and not each.in_the_way for each in self.subjects.values())
