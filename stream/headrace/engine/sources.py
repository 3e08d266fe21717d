"""The sources of a subject's messages, a subscription or files of history, and the preparation of the messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, Protocol, TypeAlias

from google.pubsub_v1 import SubscriberClient

from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.engine.check_intervals import PULLS_A_SECOND, interval
from headrace.engine.continuity import Continuity, Gap
from headrace.engine.journal import Journal
from headrace.engine.open_circuit import SubjectCircuit
from headrace.engine.prepare import Prepared
from headrace.engine.pubsub_calls import Subscription
from headrace.engine.pulled import Pulled
from headrace.engine.puller import PULL_SECONDS, Puller
from headrace.engine.registry_hold import HeldByRegistry
from headrace.engine.scheduler import Scheduler
from headrace.engine.status import SubjectStatus
from headrace.engine.task_steps import Steps, Wake
from headrace.job import Job
from headrace.schema_registry.served_ids import ServedIds
from headrace.steps.decode.decode_messages import Decoder
from headrace.steps.decode.openers import opener_of

SUBJECTS_A_CONNECTION: Final = 50
PULLS_ALONG: Final = 40


class Source(Protocol):
    """A source of messages, which also acknowledges them after their outcome is durable.

    The end of a *finite* source ends the run.
    """

    finite: bool

    @property
    def drained_at(self) -> int:
        """The publish time before which all messages are settled, in microseconds, or 0 if it is unknown."""

    def start(self, scheduler: Scheduler, wake: Wake) -> None:
        """Start, or restart after a stop, with tasks of *scheduler*. Call *wake* when there are messages to take."""

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        """Take about *at_most* messages; wait up to *wait_seconds* for the first, or not at all without a value."""

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Record that these messages have their outcome. They need not be delivered again, but may be."""

    def wind_down(self) -> None:
        """Fetch no more messages, because ``stop`` will be called soon. Any thread may call this."""

    def stop(self) -> None:
        """Return all messages that are held to their origin."""

    def look(self) -> list[str]:
        """Check the origin of the messages; return its problems, with their remedies."""

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Pass each gap in which messages may be missing to *commit*, which makes it durable."""


class Preparer(Protocol):
    """The preparation of messages, which also decides when messages are taken."""

    def prepare(self, messages: Sequence[Message], now: int) -> Prepared:
        """Decode, mask and window *messages*; *now* is in microseconds since 1970."""

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        """Run the steps that *serve* returns whenever messages may be taken, until the engine stops."""


OpenSource: TypeAlias = Callable[[str, SubjectStatus, threading.Event], tuple[Source, Preparer]]


def from_subscriptions(
    job: Job,
    names: Names,
    journal: Journal,
    open_subscriber: Callable[[], SubscriberClient],
    complete_until: Callable[[str], int],
    served_ids: ServedIds | None = None,
) -> OpenSource:
    """Return a function that opens a subject's own subscription, behind its circuit breaker.

    Pub/Sub accepts about a hundred calls at a time on one connection. So at most SUBJECTS_A_CONNECTION subjects share a
    connection, and at most PULLS_ALONG further pulls are under way beside one pull of each subject. *complete_until*
    returns the publish time up to which an earlier process has seen everything of a subject. *served_ids* hold the
    subjects whose payloads carry ids of a registry.
    """
    kept: dict[str, Continuity] = {}  # kept when a subject starts again
    subjects = list(job.registry.subjects)
    connections = [(open_subscriber(), threading.Semaphore(PULLS_ALONG)) for _ in subjects[::SUBJECTS_A_CONNECTION]]
    shared = {subject: connections[index // SUBJECTS_A_CONNECTION] for index, subject in enumerate(subjects)}
    idle_seconds = interval(PULL_SECONDS, len(subjects), PULLS_A_SECOND)

    def open_source(subject: str, status: SubjectStatus, stop: threading.Event) -> tuple[Source, Preparer]:
        continuity = kept.setdefault(subject, Continuity(names.topic(subject), partial(complete_until, subject)))
        subscriber, along = shared[subject]
        calls = Subscription(subscriber, names.subscription(subject))
        puller = Puller(calls, subject, status=status, continuity=continuity, idle_seconds=idle_seconds, along=along)
        ids = served_ids.of(subject) if served_ids is not None else None
        circuit = SubjectCircuit(
            job,
            subject,
            journal=journal,
            puller=puller,
            status=status,
            stop=stop,
            decoder=None if ids is None else Decoder(job.registry, subject, opener_of(job.registry, subject, ids)),
        )
        return puller, circuit if ids is None else HeldByRegistry(circuit, ids, status, stop)

    return open_source
