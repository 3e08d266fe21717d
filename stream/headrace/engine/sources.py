"""Sources of a subject's messages, and how they are prepared: a subscription, or files of history."""

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
from headrace.engine.scheduler import Scheduler, Steps, Wake
from headrace.engine.status import SubjectStatus
from headrace.job import Job

SUBJECTS_A_CONNECTION: Final = 50
PULLS_ALONG: Final = 40


class Source(Protocol):
    """Gives messages, and acknowledges them once their outcome is durable. A *finite* one ends the run."""

    finite: bool

    @property
    def drained_at(self) -> int:
        """All that was published before then has been settled; microseconds, or 0 when nobody knows."""

    def start(self, scheduler: Scheduler, wake: Wake) -> None:
        """Begin, with tasks of *scheduler*; again, after a stop. *wake* is called when there is something to take."""

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        """Take about *at_most* messages; wait up to *wait_seconds* for the first. None: wait for none."""

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Record that these have their outcome: they need not come again, and may."""

    def wind_down(self) -> None:
        """Fetch no more, because ``stop`` comes soon. Any thread may call it."""

    def stop(self) -> None:
        """Hand back all that is held."""

    def look(self) -> list[str]:
        """Check where the messages come from; return what is wrong with it, and the remedies."""

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Give each time from which messages may be missing to *commit*, which makes it durable."""


class Preparer(Protocol):
    """Prepares messages, and decides when they are taken."""

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
) -> OpenSource:
    """Return a function that opens a subject's own subscription, behind its circuit breaker.

    Pub/Sub takes about a hundred calls at a time of one connection, so no more than SUBJECTS_A_CONNECTION share one,
    and no more than PULLS_ALONG of theirs are under way beside one of each. *complete_until* says up to which publish
    time an earlier process has seen everything of a subject.
    """
    kept: dict[str, Continuity] = {}  # outlives a subject that begins anew
    subjects = list(job.registry.subjects)
    connections = [(open_subscriber(), threading.Semaphore(PULLS_ALONG)) for _ in subjects[::SUBJECTS_A_CONNECTION]]
    shared = {subject: connections[index // SUBJECTS_A_CONNECTION] for index, subject in enumerate(subjects)}
    idle_seconds = interval(PULL_SECONDS, len(subjects), PULLS_A_SECOND)

    def open_source(subject: str, status: SubjectStatus, stop: threading.Event) -> tuple[Source, Preparer]:
        continuity = kept.setdefault(subject, Continuity(names.topic(subject), partial(complete_until, subject)))
        subscriber, along = shared[subject]
        calls = Subscription(subscriber, names.subscription(subject))
        puller = Puller(calls, subject, status=status, continuity=continuity, idle_seconds=idle_seconds, along=along)
        return puller, SubjectCircuit(job, subject, journal=journal, puller=puller, status=status, stop=stop)

    return open_source
