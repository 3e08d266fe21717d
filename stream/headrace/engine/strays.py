"""Dead letters of messages that belong to no subject of their shared subscription."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from headrace.core.dead_letter import dead_letters_of_messages, letter_requests, publish_request
from headrace.core.message import Message
from headrace.core.micro_batch import to_ipc
from headrace.core.routes import Route
from headrace.core.tally import add_up, tally_unread_refusals
from headrace.engine.journal import Journal
from headrace.engine.pulled import Pulled
from headrace.engine.retry import NEEDS_ROOM, RetryPolicy
from headrace.engine.status import SubjectStatus
from headrace.engine.task_steps import Steps
from headrace.job import Job
from headrace.steps.decode.decode_messages import STAGE
from headrace.steps.decode.strays import refuse_strays

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient

ROUND_MESSAGES = 1000


class Strays(Protocol):
    """Where the messages of no subject wait."""

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        """Take about *at_most* messages."""

    def acknowledge(self, pulled: Sequence[Pulled]) -> None:
        """Acknowledge messages whose outcome is durable."""


class StrayLetters:
    """Publishes the dead letters of one shared subscription, counts them, and acknowledges their messages.

    *status* is that of the subscription. *unusable* returns what is wrong with the place of dead letters, or nothing.
    """

    def __init__(
        self,
        job: Job,
        route: Route,
        *,
        journal: Journal,
        open_publisher: Callable[[], PublisherClient],
        status: SubjectStatus,
        unusable: Callable[[], str],
    ) -> None:
        self._job = job
        self._route = route
        self._journal = journal
        self._open_publisher = open_publisher
        self._status = status
        self._unusable = unusable

    def refuse_on(self, strays: Strays, stop: threading.Event) -> Steps[None]:
        """Refuse what *strays* brings until *stop* is set. Raises StoppedError."""
        retry = RetryPolicy("dead letters", self._status, stop)
        while not stop.is_set():
            pulled = strays.take(ROUND_MESSAGES, 0.0)
            if not pulled:
                yield None
                continue
            yield from self._refuse([message for each in pulled for message in each.messages], retry)
            strays.acknowledge(pulled)

    def _refuse(self, messages: Sequence[Message], retry: RetryPolicy) -> Steps[None]:
        refusals = refuse_strays(messages, self._route).refusals
        letters = list(dead_letters_of_messages(messages, refusals, STAGE))
        topic, now = self._job.dead_letter_topic, datetime.now(UTC)
        need = f"{topic}: the job needs roles/pubsub.publisher on it; `headrace provision` makes it"
        while wrong := self._unusable():  # the dead letters would be lost
            yield from retry.wait_as_steps(wrong)
        for request in letter_requests(letters, self._job.sender, now):  # confirmed requests are not sent again
            yield from retry.call_as_steps(need, partial(publish_request, self._open_publisher(), topic, request))
        counts = add_up(tally_unread_refusals(messages, refusals, self._job.window)).counts
        yield from retry.call_as_steps(NEEDS_ROOM, partial(self._commit, to_ipc(counts)))
        for letter in letters:
            self._status.refuse(letter.reason, 1)

    def _commit(self, counts: bytes) -> None:
        with self._journal.transaction() as transaction:
            transaction.tally(counts)
