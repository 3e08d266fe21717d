"""How the engine is: what each subject has done, and what is in its way."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class SubjectStatus:
    """One subject. Counts are of this process alone; the tallies in BigQuery are the durable ones."""

    subject: str
    ready: bool = False
    blocked: str = ""
    held: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def block(self, sentence: str) -> bool:
        """Note what is in the way; True when that is news."""
        with self._lock:
            news = self.blocked != sentence
            self.blocked = sentence
            return news

    def unblock(self) -> bool:
        """Note that nothing is; True when something was."""
        with self._lock:
            was, self.blocked = self.blocked, ""
            return bool(was)

    def count(self, name: str, events: int = 1) -> None:
        """Count *events*: received, written, duplicate, redelivered or acknowledged."""
        with self._lock:
            self.counts[name] += events

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
        return self.alive and all(each.ready and not each.blocked for each in self.subjects.values())
