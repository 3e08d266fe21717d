"""What one subscription is asked for: seldom when it is empty, and for enough messages at once when it is not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from headrace.engine.continuity import Continuity
from headrace.engine.pubsub_calls import Subscription
from headrace.engine.puller import Puller
from headrace.engine.scheduler import Scheduler
from headrace.engine.status import SubjectStatus
from headrace.runtime.google_clients import open_subscriber
from tests.integration.test_crash import publish_flights, redeliver_soon
from tests.support.jobs import wait_for
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
SUBJECT = "flight_departed"


@contextmanager
def pulling(service: Service) -> Iterator[Puller]:
    continuity = Continuity(service.names.topic(SUBJECT), lambda: 0)
    calls = Subscription(open_subscriber(), service.names.subscription(SUBJECT))
    puller = Puller(calls, SUBJECT, status=SubjectStatus(SUBJECT), continuity=continuity)
    with Scheduler("source", 2) as scheduler:
        puller.start(scheduler, lambda: None)
        try:
            yield puller
        finally:
            puller.stop()


def test_an_empty_subscription_is_polled_about_once_a_second_and_reported_drained(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    #  nothing there|asked, asked, ... for as long as a dead engine may hold messages|drained
    service, asked, pull = a_service(project), [], Subscription.begin_pull

    def counted(*arguments: Any) -> Any:
        asked.append(arguments)
        return pull(*arguments)

    monkeypatch.setattr(Subscription, "begin_pull", counted)
    redeliver_soon(service)
    began = time.monotonic()
    with pulling(service) as puller:
        wait_for(lambda: puller.drained_at > 0)
        assert len(asked) < 2 * (time.monotonic() - began)


def test_messages_are_not_reported_settled_while_they_are_held(project: str) -> None:
    service = a_service(project)
    publish_flights(service, 3)
    with pulling(service) as puller:
        wait_for(lambda: bool(puller.take(100, 1.0)))
        puller._drained._until = 1  # as if that had been found out before
        assert puller.drained_at == 0


def test_a_busy_caller_gets_few_messages_only_after_they_have_waited_for_others(project: str) -> None:
    #  10,000 a second so far|3 more: too few for a round|a little later: they go all the same
    service = a_service(project)
    publish_flights(service, 3)
    with pulling(service) as puller:
        wait_for(lambda: len(puller._buffer) == 3)
        puller._buffer.arrivals.note(time.monotonic(), 10_000)
        puller._buffer.since = time.monotonic() + 3600
        assert puller.take(5000, None) == []
        puller._buffer.since = time.monotonic()
        wait_for(lambda: sum(len(each.messages) for each in puller.take(5000, None)) == 3)
