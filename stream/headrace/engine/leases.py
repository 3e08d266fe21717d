"""The leases of the messages that one puller holds. It renews them, and then acknowledges or returns the messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import structlog

from headrace.engine.pubsub_calls import ACK_IDS, Subscription
from headrace.engine.pulled import Pulled
from headrace.runtime.retry_policy import CALL_ERRORS

_LOG = structlog.get_logger("headrace")


class Leases:
    """The leases of one subject; each lasts *seconds*. The *lock* of the puller makes it thread-safe."""

    def __init__(self, calls: Subscription, subject: str, lock: threading.Condition) -> None:
        self._calls = calls
        self._subject = subject
        self._lock = lock
        self.held: set[Pulled] = set()
        self.seconds = 10.0

    def hold(self, pulled: Pulled) -> None:
        """Renew the lease of *pulled* from now on."""
        with self._lock:
            self.held.add(pulled)

    def let_go(self, pulled: Iterable[Pulled]) -> None:
        """Stop the renewal of the leases of *pulled*."""
        with self._lock:
            self.held.difference_update(pulled)

    def held_of(self, subject: str) -> list[Pulled]:
        """Return what is held of *subject*."""
        with self._lock:
            return [each for each in self.held if each.messages[0].subject == subject]

    def divide(self, pulled: Pulled, parts: Iterable[Pulled]) -> None:
        """Hold the *parts* of *pulled* in its place."""
        with self._lock:
            self.held.discard(pulled)
            self.held.update(parts)

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Acknowledge messages whose outcome is durable. If an acknowledgement is lost, Pub/Sub delivers again."""
        pulled = list(pulled)
        self.let_go(pulled)
        for ids in _requests(pulled):
            try:
                self._calls.acknowledge(ids)
            except CALL_ERRORS as error:
                _LOG.warning("acknowledgements_lost", subject=self._subject, count=len(ids), error=type(error).__name__)

    def hand_back(self, pulled: Iterable[Pulled], seconds: int = 0) -> None:
        """Return messages to Pub/Sub, which delivers them again after some *seconds*: immediately by default."""
        pulled = list(pulled)
        self.let_go(pulled)
        self._change(pulled, seconds)

    def renew(self) -> float | None:
        """Renew the leases that are due; return the seconds until the next check, or None if no lease is held."""
        with self._lock:
            due = [each for each in self.held if each.leased_until - time.monotonic() < self.seconds / 2]
        self._change(due, int(self.seconds))
        for pulled in due:
            pulled.leased_until = time.monotonic() + self.seconds
        with self._lock:
            return min(self.seconds / 4, 5.0) if self.held else None

    def _change(self, pulled: Iterable[Pulled], seconds: int) -> None:
        for ids in _requests(pulled):
            try:
                self._calls.lease(ids, seconds)
            except CALL_ERRORS as error:
                _LOG.warning("leases_not_changed", subject=self._subject, count=len(ids), error=type(error).__name__)


def _requests(pulled: Iterable[Pulled]) -> Iterable[list[str]]:
    ids = [ack_id for one in pulled for ack_id in one.ack_ids]
    return [ids[start : start + ACK_IDS] for start in range(0, len(ids), ACK_IDS)]
