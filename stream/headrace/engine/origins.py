"""The subscriptions that bring the messages of each subject: its own, and existing ones, of which some are shared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from google.pubsub_v1 import SubscriberClient

from headrace.core.resource_names import Names
from headrace.core.routes import Route
from headrace.engine.check_intervals import PULLS_A_SECOND, interval
from headrace.engine.continuity import Continuity
from headrace.engine.merged_source import MergedSource, Origin
from headrace.engine.pubsub_calls import Subscription
from headrace.engine.puller import PULL_SECONDS, Puller
from headrace.engine.shared_subscription import SharedSubscription
from headrace.engine.status import SubjectStatus
from headrace.engine.strays import StrayLetters
from headrace.steps.decode.subject_routers import Router

SUBSCRIPTIONS_A_CONNECTION: Final = 50
PULLS_ALONG: Final = 40


class SharedMeans(NamedTuple):
    """The means to read a shared subscription: what tells its subjects apart, makes its letters, and has its status."""

    router: Router
    strays: StrayLetters
    status: SubjectStatus


OpenShared: TypeAlias = Callable[[Route], SharedMeans]


class Origins:
    """The subscriptions of all *subjects*. What is known of a subscription is kept when its subject starts again.

    *complete_until* returns the publish time up to which an earlier process has seen everything of a subject.
    """

    def __init__(
        self,
        subjects: Sequence[str],
        names: Names,
        open_subscriber: Callable[[], SubscriberClient],
        complete_until: Callable[[str], int],
        open_shared: OpenShared,
    ) -> None:
        self._subjects = subjects
        self._names = names
        self._complete_until = complete_until
        self._open_shared = open_shared
        self._kept: dict[tuple[str, str], Continuity] = {}
        self._shared: dict[str, SharedSubscription] = {}
        self._lock = threading.Lock()
        every = list(dict.fromkeys(name for subject in subjects for name in names.subscriptions(subject)))
        connections = [
            (open_subscriber(), threading.Semaphore(PULLS_ALONG)) for _ in every[::SUBSCRIPTIONS_A_CONNECTION]
        ]
        self._connections = {name: connections[index // SUBSCRIPTIONS_A_CONNECTION] for index, name in enumerate(every)}
        self._idle_seconds = interval(PULL_SECONDS, len(every), PULLS_A_SECOND)

    def of(self, subject: str, status: SubjectStatus) -> Origin:
        """Open the subscriptions of *subject*."""
        opened: dict[str, Origin] = {}
        if self._names.has_own_subscription(subject):
            known = Continuity(self._names.topic(subject), partial(self._complete_until, subject))
            opened[""] = self._puller(self._names.subscription(subject), subject, status, known, existing=False)
        for route in self._names.routes.of(subject):
            opened[route.subscription] = self._of_route(route, subject, status)
        return next(iter(opened.values())) if len(opened) == 1 else MergedSource(opened)

    def _of_route(self, route: Route, subject: str, status: SubjectStatus) -> Origin:
        if route.is_shared:
            return self._share(route, subject)
        known = Continuity(None, partial(self._complete_until, subject))
        return self._puller(route.subscription, subject, status, known, existing=True)

    def _share(self, route: Route, subject: str) -> Origin:
        """Return the share of *subject* in a subscription, which is opened once for all of its subjects."""
        with self._lock:
            shared = self._shared.get(route.subscription)
            if shared is None:
                means = self._open_shared(route)
                known = Continuity(None, partial(self._all_complete_until, route))
                name = route.subscription
                open_puller = partial(self._puller, name, name, means.status, known, existing=True)
                shared = self._shared[name] = SharedSubscription(route, means.router, open_puller, means.strays)
        return shared.share(subject)

    def _all_complete_until(self, route: Route) -> int:
        return min(self._complete_until(each) for each in route.all_subjects if each in self._subjects)

    def _puller(self, name: str, subject: str, status: SubjectStatus, known: Continuity, *, existing: bool) -> Puller:
        subscriber, along = self._connections[name]
        return Puller(
            Subscription(subscriber, name),
            subject,
            status=status,
            continuity=self._kept.setdefault((subject, name), known),
            idle_seconds=self._idle_seconds,
            along=along,
            subscription=name if existing else "",
        )
