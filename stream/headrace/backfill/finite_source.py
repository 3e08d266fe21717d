"""What all sources of history have in common: an end, and a journal that says how far they are settled."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial

from headrace.engine.continuity import Gap
from headrace.engine.journal import Journal
from headrace.engine.pulled import Pulled
from headrace.engine.retry import NEEDS_ROOM, RetryPolicy
from headrace.engine.scheduler import Scheduler, Wake
from headrace.engine.transaction import Transaction


class FiniteSource(ABC):
    """Stands in for the puller of one subject. At its end it sets *stop*; *finished* tells that from an interruption.

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
        """History says nothing of what is published."""
        return 0

    def start(self, scheduler: Scheduler, wake: Wake) -> None:  # noqa: B027 no source of history has anything to begin
        """Nothing to begin: lines are read as they are taken."""

    def wind_down(self) -> None:  # noqa: B027 no source of history fetches ahead
        """Nothing to end: lines are read as they are taken."""

    def look(self) -> list[str]:
        """Nothing is wrong with history: it is not a resource of ours."""
        return []

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:  # noqa: B027 no source of history has any
        """There is no time of publishing from which anything could be missing."""

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Note how far the source is settled."""
        for each in pulled:
            for token in each.ack_ids:
                self._retry.call(NEEDS_ROOM, partial(self._commit, token))

    def _commit(self, token: str) -> None:
        assert self._noted_in is not None  # noqa: S101 without one nothing is acknowledged
        with self._noted_in.transaction() as transaction:
            self._note(transaction, token)

    @abstractmethod
    def _note(self, transaction: Transaction, token: str) -> None:
        """Note that all up to *token* is settled."""

    def _end(self) -> list[Pulled]:
        """There is nothing more to take."""
        self.finished = True
        self._stop.set()
        return []
