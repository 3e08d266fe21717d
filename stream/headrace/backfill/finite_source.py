"""Common base of the sources of history: they end, and the journal keeps their progress."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial

from headrace.engine.continuity import Gap
from headrace.engine.journal import Journal
from headrace.engine.pulled import Pulled
from headrace.engine.retry import NEEDS_ROOM, RetryPolicy
from headrace.engine.scheduler import Scheduler
from headrace.engine.task_steps import Wake
from headrace.engine.transaction import Transaction


class FiniteSource(ABC):
    """Replacement of one subject's puller. At its end it sets *stop* and *finished*; an interruption sets only *stop*.

    Without a journal nothing is acknowledged.
    """

    finite = True

    def __init__(self, journal: Journal | None, retry: RetryPolicy, stop: threading.Event) -> None:
        self._noted_in = journal
        self._retry = retry
        self._stop = stop
        self.finished = False

    @property
    def drained_at(self) -> int:
        """Always 0: history says nothing about the publishing of messages."""
        return 0

    def start(self, scheduler: Scheduler, wake: Wake) -> None:  # noqa: B027 no source of history needs a start
        """Do nothing: lines are read when they are taken."""

    def wind_down(self) -> None:  # noqa: B027 no source of history prefetches
        """Do nothing: lines are read when they are taken."""

    def look(self) -> list[str]:
        """Return no problems: history is not a resource of Headrace."""
        return []

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:  # noqa: B027 no source of history has gaps
        """Do nothing: no published message can be missing."""

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Store the progress of the source."""
        for each in pulled:
            for token in each.ack_ids:
                self._retry.call(NEEDS_ROOM, partial(self._commit, token))

    def _commit(self, token: str) -> None:
        assert self._noted_in is not None  # noqa: S101 without a journal nothing is acknowledged
        with self._noted_in.transaction() as transaction:
            self._note(transaction, token)

    @abstractmethod
    def _note(self, transaction: Transaction, token: str) -> None:
        """Store in *transaction* that everything up to *token* is settled."""

    def _end(self) -> list[Pulled]:
        """Mark the source as finished, and stop."""
        self.finished = True
        self._stop.set()
        return []
