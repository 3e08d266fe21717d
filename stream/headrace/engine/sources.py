"""The sources of a subject's messages, a subscription or files of history, and the preparation of the messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from google.pubsub_v1 import PublisherClient, SubscriberClient

from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.core.routes import Route
from headrace.engine.bucket_hold import HeldByBucket
from headrace.engine.continuity import Gap
from headrace.engine.journal import Journal
from headrace.engine.live_contracts import LiveContracts
from headrace.engine.open_circuit import SubjectCircuit
from headrace.engine.origins import Origins, SharedMeans
from headrace.engine.prepare import Prepared
from headrace.engine.pulled import Pulled
from headrace.engine.registry_hold import HeldByRegistry
from headrace.engine.scheduler import Scheduler
from headrace.engine.status import LETTERS, SubjectStatus
from headrace.engine.strays import StrayLetters
from headrace.engine.task_steps import Steps, Wake
from headrace.job import Job
from headrace.schema_registry.served_ids import ServedIds
from headrace.steps.decode.decode_messages import Decoder
from headrace.steps.decode.large_payloads import ReadObjects, reads_nothing
from headrace.steps.decode.openers import opener_of
from headrace.steps.decode.subject_routers import router_of


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


OpenSource: TypeAlias = Callable[[Job, str, SubjectStatus, threading.Event], tuple[Source, Preparer]]


def from_subscriptions(
    contracts: LiveContracts,
    names: Names,
    journal: Journal,
    open_subscriber: Callable[[], SubscriberClient],
    complete_until: Callable[[str], int],
    *,
    open_publisher: Callable[[], PublisherClient],
    status_of: Callable[[str], SubjectStatus],
    served_ids: ServedIds | None = None,
    read_objects: ReadObjects | None = None,
) -> OpenSource:
    """Return a function that opens a subject's subscriptions, behind its circuit breaker.

    *complete_until* returns the publish time up to which an earlier process has seen everything of a subject.
    *open_publisher* is called when a message belongs to no subject; *status_of* returns the status of a subscription
    that several subjects share. *served_ids* hold the subjects whose payloads carry ids of a registry. *read_objects*
    reads payloads that lie in buckets.
    """
    statuses: dict[str, SubjectStatus] = {}

    def open_shared(route: Route) -> SharedMeans:
        def unusable() -> str:
            found = (statuses[each].in_the_way.get(LETTERS) for each in route.all_subjects if each in statuses)
            return next(filter(None, found), "")

        status = status_of(route.subscription)
        strays = StrayLetters(
            contracts.job, route, journal=journal, open_publisher=open_publisher, status=status, unusable=unusable
        )
        return SharedMeans(_LiveRouter(route, contracts), strays, status)

    origins = Origins(contracts.job.registry.subjects, names, open_subscriber, complete_until, open_shared)

    def open_source(job: Job, subject: str, status: SubjectStatus, stop: threading.Event) -> tuple[Source, Preparer]:
        statuses[subject] = status
        source = origins.of(subject, status)
        ids = served_ids.of(subject, job.registry) if served_ids is not None else None
        circuit = SubjectCircuit(
            job,
            subject,
            journal=journal,
            source=source,
            status=status,
            stop=stop,
            decoder=Decoder(
                job.registry, subject, opener_of(job.registry, subject, ids, read_objects or reads_nothing)
            ),
        )
        preparer = circuit if ids is None else HeldByRegistry(circuit, ids, status, stop)
        return source, preparer if read_objects is None else HeldByBucket(preparer, subject, status, stop)

    return open_source


class _LiveRouter:
    """The router of a route, by the contracts of now. Only the task of its subscription uses it."""

    def __init__(self, route: Route, contracts: LiveContracts) -> None:
        self._route = route
        self._contracts = contracts
        self._registry = contracts.job.registry
        self._router = router_of(route, self._registry)

    def subject_of(self, attributes: Mapping[str, str], data: bytes) -> str:
        """Return the subject; the name of the subscription if the message belongs to none."""
        registry = self._contracts.job.registry
        if registry is not self._registry:
            self._router, self._registry = router_of(self._route, registry), registry
        return self._router.subject_of(attributes, data)
