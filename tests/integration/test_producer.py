"""The SDK against the Pub/Sub emulator."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from producers import EventProducer, PubSubPublisher
from stream.clients import open_subscriber
from tests.builders import a_flight
from tests.service import a_service

pytestmark = pytest.mark.emulators


def drained(service: object, subject: str, count: int) -> list[dict[str, str]]:
    subscriber, subscription = open_subscriber(), service.names.subscription(subject)  # type: ignore[attr-defined]
    attributes: list[dict[str, str]] = []
    while len(attributes) < count:
        received = subscriber.pull(subscription=subscription, max_messages=1000, timeout=30).received_messages
        subscriber.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in received])
        attributes += [dict(each.message.attributes) for each in received]
    return attributes


def test_more_events_than_may_be_outstanding_all_arrive(project: str) -> None:
    service = a_service(project)
    start = datetime.now(UTC)
    publisher = PubSubPublisher(project, max_outstanding_messages=50, max_outstanding_bytes=10_000)
    with EventProducer(publisher, source="/test") as producer:
        for number in range(2000):
            at = start + timedelta(seconds=number)
            producer.publish("flight_departed", a_flight(flight=number, scheduled_at=at))
    arrived = drained(service, "flight_departed", 2000)
    assert len({each["ce-id"] for each in arrived}) == 2000
    assert {each["ce-source"] for each in arrived} == {"/test"}


def test_a_process_that_exits_without_closing_loses_nothing(project: str) -> None:
    service = a_service(project)
    code = f"""
from producers import EventProducer, PubSubPublisher
from tests.builders import a_flight
producer = EventProducer(PubSubPublisher({project!r}), source="/short-lived")
for number in range(20):
    producer.publish("flight_departed", a_flight(flight=number))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=dict(os.environ))
    assert len(drained(service, "flight_departed", 20)) == 20
