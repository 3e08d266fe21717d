"""One subject from several subscriptions: one stream of messages, each of which is acknowledged where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from headrace.core.message import Message
from headrace.engine.continuity import Gap
from headrace.engine.pulled import Pulled
from headrace.engine.scheduler import Scheduler
from headrace.engine.task_steps import Wake


class Origin(Protocol):
    """The messages of one subject that one subscription delivers; :class:`headrace.engine.sources.Source` explains it.

    Besides, it gives samples while it is stopped.
    """

    finite: bool

    @property
    def needs(self) -> str:
        """The permission that pulling needs, and its remedy."""

    @property
    def drained_at(self) -> int:
        """The publish time before which all messages are settled, in microseconds, or 0 if it is unknown."""

    def start(self, scheduler: Scheduler, wake: Wake) -> None:
        """Start, or restart after a stop."""

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        """Take about *at_most* messages."""

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Acknowledge messages whose outcome is durable."""

    def wind_down(self) -> None:
        """Fetch no more messages."""

    def stop(self) -> None:
        """Return all messages that are held."""

    def look(self) -> list[str]:
        """Return the problems of the subscription, with their remedies."""

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Pass each gap in which messages may be missing to *commit*."""

    def sample(self, at_most: int) -> list[Message]:
        """Return a few messages while it is stopped; they are delivered again."""


class MergedSource:
    """The *origins* by the subscription that their messages name: an existing one, or "" for the subject's own.

    Each takes its turn to be the first that fills a round, so none starves the others.
    """

    finite = False

    def __init__(self, origins: Mapping[str, Origin]) -> None:
        self._by_subscription = dict(origins)
        self._turns = list(origins.values())

    @property
    def needs(self) -> str:
        """The permissions that pulling needs, and their remedies."""
        return " | ".join(each.needs for each in self._turns)

    @property
    def drained_at(self) -> int:
        """The publish time before which the messages of every subscription are settled; 0 if one does not know it."""
        return min(each.drained_at for each in self._turns)

    def start(self, scheduler: Scheduler, wake: Wake) -> None:
        """Start all, or restart them after a stop; *wake* is called when one has something to take."""
        for each in self._turns:
            each.start(scheduler, wake)

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        """Take about *at_most* messages; only the first subscription that has some waits for more of its own."""
        taken: list[Pulled] = []
        left = at_most
        for each in self._turns:
            found = each.take(left, None if taken else wait_seconds) if left > 0 else []
            taken += found
            left -= sum(len(pulled.messages) for pulled in found)
        self._turns = [*self._turns[1:], self._turns[0]]
        return taken

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Acknowledge messages whose outcome is durable, each where it came from."""
        of_each: dict[str, list[Pulled]] = {}
        for each in pulled:
            of_each.setdefault(each.messages[0].subscription, []).append(each)
        for subscription, theirs in of_each.items():
            self._by_subscription[subscription].acknowledge(theirs)

    def wind_down(self) -> None:
        """Fetch no more messages, because a stop follows soon."""
        for each in self._by_subscription.values():
            each.wind_down()

    def stop(self) -> None:
        """Stop all, and return the messages that are held."""
        for each in self._turns:
            each.stop()

    def look(self) -> list[str]:
        """Look at all subscriptions, and return their problems with their remedies."""
        return [problem for each in self._by_subscription.values() for problem in each.look()]

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Pass each interval in which messages of a subscription may be missing to *commit*, which stores it."""
        for each in self._by_subscription.values():
            each.settle_gaps(commit)

    def sample(self, at_most: int) -> list[Message]:
        """Return a few messages of each subscription while they are stopped."""
        return [message for each in self._turns for message in each.sample(at_most)]
