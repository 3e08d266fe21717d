"""The status of the engine: the counts of each subject, and its problems."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from headrace.core.engine_report import WITHIN
from headrace.engine.tap import Tap
from headrace.runtime.clock import now_micros

RESOURCES: Final = "resources"  # a subscription or table differs from the wanted one
LETTERS: Final = "dead letters"  # the subscription of dead letters has a problem
TALLIES: Final = "tallies"  # the name of their loop, beside those of subjects
CONTRACTS: Final = "contracts"  # the name of the watch on their folder, beside those of subjects
CIRCUIT: Final = "circuit"  # the circuit is open: too many messages are unreadable
CONTRACT: Final = "contract"  # a contract is invalid: the subject is not pulled
LARGE_EVENTS: Final = "large events"  # a bucket with payloads does not answer, or refuses the job
SCHEMA_REGISTRY: Final = "schema registry"  # schema ids cannot be trusted, or not be asked for
FAILED: Final = "failed"  # an error of this subject alone: it is tried again


@dataclass
class SubjectStatus:
    """The status of one subject. The counts are those of this process; BigQuery has durable counts in the tallies."""

    subject: str
    ready: bool = False
    resources_right: bool = False  # by the last check
    in_the_way: dict[str, str] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)  # past problems that are solved, by part
    counts: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    rule_warnings: Counter[str] = field(default_factory=Counter)  # by rule of the contract
    took: Counter[int] = field(default_factory=Counter)  # by index in WITHIN; an index beyond it means longer
    seconds_taken: float = 0.0
    tap: Tap = field(default_factory=lambda: Tap(time.monotonic, now_micros), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def is_circuit_open(self) -> bool:
        """Whether the circuit breaker holds the subject."""
        return CIRCUIT in self.in_the_way

    def block(self, where: str, sentence: str) -> bool:
        """Record the problem of the part *where*; return whether it is new."""
        with self._lock:
            news = self.in_the_way.get(where) != sentence
            self.in_the_way[where] = sentence
            return news

    def unblock(self, where: str) -> bool:
        """Record that the part *where* has no problem; return whether it had one."""
        with self._lock:
            return self.in_the_way.pop(where, None) is not None

    def notice(self, where: str, sentence: str) -> None:
        """Record a past problem of the part *where*, which is solved, for people."""
        with self._lock:
            self.notices[where] = sentence

    def count(self, name: str, events: int = 1) -> None:
        """Count *events*: received, written, duplicate, dropped, redelivered or acknowledged."""
        with self._lock:
            self.counts[name] += events

    def time(self, now: int, published: Iterable[int]) -> None:
        """Count the times that messages took from publish to *now*, both in microseconds."""
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

    def warn(self, warnings: Mapping[str, int]) -> None:
        """Count events that are written although they break rules of the contract, by rule."""
        with self._lock:
            self.rule_warnings.update(warnings)


@dataclass
class EngineStatus:
    """The status of the whole engine, which a *failure* ends."""

    subjects: dict[str, SubjectStatus]
    failure: BaseException | None = None

    @property
    def alive(self) -> bool:
        """Whether the engine runs; if not, the process should be restarted."""
        return self.failure is None

    @property
    def ready(self) -> bool:
        """Whether every subject is pulled and has no problem."""
        return self.alive and all(each.ready and not each.in_the_way for each in self.subjects.values())
