"""The SDK against the Pub/Sub emulator."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.pubsub_v1.types import PubsubMessage

from headrace.cli.commands.publish import NoTopicError, publish_lines
from headrace.config.settings import Settings
from headrace.producers import EventProducer, MessageTooLargeError, PublishError, PubSubPublisher
from headrace.runtime.google_clients import open_gapic_publisher, open_subscriber
from headrace.schemas import Envelope
from headrace.schemas.identity import derive_event_id
from headrace.schemas.samples import SAMPLES
from tests.support.builders import BOOKING, FLIGHT, PACKAGE, a_booking, a_flight, decode

pytestmark = pytest.mark.emulators

SUBJECT = "flight_departed"


class Topic:
    """A topic of a project and a subscription that sees all of it."""

    def __init__(self, project: str, name: str = SUBJECT, ordered: bool = False) -> None:
        self._subscriber = open_subscriber()
        self._subscription = f"projects/{project}/subscriptions/{name}"
        topic = f"projects/{project}/topics/{name}"
        open_gapic_publisher().create_topic(name=topic)
        self._subscriber.create_subscription(
            request={"name": self._subscription, "topic": topic, "enable_message_ordering": ordered}
        )

    def messages(self, count: int) -> list[PubsubMessage]:
        """Wait for so many messages."""
        messages: list[PubsubMessage] = []
        while len(messages) < count:
            received = self._subscriber.pull(
                subscription=self._subscription, max_messages=1000, timeout=30
            ).received_messages
            messages += [each.message for each in received]
            if received:
                ack_ids = [each.ack_id for each in received]
                self._subscriber.acknowledge(subscription=self._subscription, ack_ids=ack_ids)
        return messages


@pytest.fixture
def topic(project: str) -> Topic:
    return Topic(project)


def flights(count: int) -> Iterator[dict[str, Any]]:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    return (a_flight(flight=number, scheduled_at=start + timedelta(minutes=number)) for number in range(count))


def numbers(messages: list[PubsubMessage]) -> list[int]:
    return [decode(FLIGHT, message.data)["flight"] for message in messages]


def run(project: str, code: str, seconds: float = 60) -> None:
    preamble = f"""
import os, sys, multiprocessing
from headrace.producers import EventProducer, PubSubPublisher
from tests.support.builders import PACKAGE, a_flight
producer = EventProducer(PubSubPublisher({project!r}), source="/short-lived", contracts=PACKAGE)
def publish(*numbers):
    return [producer.publish("flight_departed", a_flight(flight=number)) for number in numbers]
"""
    done = subprocess.run([sys.executable, "-c", preamble + code], capture_output=True, text=True, timeout=seconds)
    assert (done.returncode, done.stderr) == (0, "")


def test_two_thousand_events_arrive_whole(project: str, topic: Topic) -> None:
    sent = list(flights(2000))
    with EventProducer(PubSubPublisher(project), source="/test", contracts=PACKAGE) as producer:
        futures = [producer.publish(SUBJECT, fields) for fields in sent]
    arrived = topic.messages(2000)
    assert {future.result() for future in futures} == {message.message_id for message in arrived}
    envelopes = {Envelope.from_attributes(message.attributes) for message in arrived}
    assert envelopes == {
        Envelope(derive_event_id(FLIGHT, fields) or "", FLIGHT.ref, fields["scheduled_at"], "/test") for fields in sent
    }
    assert sorted(numbers(arrived)) == list(range(2000))


def test_a_value_of_every_type_arrives_as_bytes_the_job_reads(project: str) -> None:
    topic = Topic(project, "booking_created")
    with EventProducer(PubSubPublisher(project), source="/test", contracts=PACKAGE) as producer:
        producer.publish("booking_created", a_booking())
    (message,) = topic.messages(1)
    assert decode(BOOKING, message.data)["email"] == "ada@example.com"


def test_no_more_events_are_in_flight_than_allowed(project: str, topic: Topic) -> None:
    under_way: set[Future[str]] = set()
    most = 0
    publisher = PubSubPublisher(project, max_outstanding_messages=5, max_outstanding_bytes=2_000)
    with EventProducer(publisher, source="/test", contracts=PACKAGE) as producer:
        for fields in flights(300):
            under_way.add(producer.publish(SUBJECT, fields))
            under_way = {future for future in under_way if not future.done()}
            most = max(most, len(under_way))
    assert 1 <= most <= 5
    assert len(topic.messages(300)) == 300


def test_an_event_larger_than_all_that_may_be_outstanding_is_refused_instead_of_waiting(project: str) -> None:
    publisher = PubSubPublisher(project, max_outstanding_bytes=100)
    with (
        EventProducer(publisher, source="/test", contracts=PACKAGE) as producer,
        pytest.raises(MessageTooLargeError),
    ):
        producer.publish(SUBJECT, a_flight())


def test_a_topic_that_is_missing_fails_the_future_and_the_flush(project: str) -> None:
    producer = EventProducer(PubSubPublisher(project), source="/test", contracts=PACKAGE)
    futures = [producer.publish(SUBJECT, fields) for fields in flights(3)]
    with pytest.raises(PublishError, match=r"3 events were not published \(NotFound\)"):
        producer.flush()
    assert {type(future.exception()) for future in futures} == {NotFound}
    Topic(project)
    producer.publish(SUBJECT, a_flight())
    producer.close()


def test_a_key_goes_on_after_its_events_failed(project: str) -> None:
    publisher = PubSubPublisher(project, ordered=True, batch_messages=3)
    producer = EventProducer(publisher, source="/test", contracts=PACKAGE)
    for fields in flights(20):
        producer.publish(SUBJECT, fields, ordering_key="EWR")
    with pytest.raises(PublishError, match="20 events"):
        producer.flush(timeout=60)
    topic = Topic(project, ordered=True)
    for fields in flights(20):
        producer.publish(SUBJECT, fields, ordering_key="EWR")
    producer.close(timeout=60)
    arrived = topic.messages(20)
    assert numbers(arrived) == list(range(20))
    assert {(message.ordering_key, message.attributes["ce-partitionkey"]) for message in arrived} == {("EWR", "EWR")}


def test_any_message_is_published_unchanged(project: str, topic: Topic) -> None:
    attributes = {
        "topic": "a",
        "data": "b",
        "timeout": "c",
        "retry": "",
        "self": "e",
        "ordering_key": "f",
        "ce-id": "g",
    }
    publisher = PubSubPublisher(project)
    sent = {
        publisher.publish_message(SUBJECT, b"\x00\xff", attributes).result(60),
        publisher.publish_message(SUBJECT, b"\x00\xff", {"plain": "name"}).result(60),
    }
    publisher.close()
    arrived = topic.messages(2)
    assert sent == {message.message_id for message in arrived}
    assert {message.data for message in arrived} == {b"\x00\xff"}
    by_size = sorted((dict(message.attributes) for message in arrived), key=len)
    assert by_size == [{"plain": "name"}, attributes]


def test_an_attribute_name_makes_no_difference_to_a_failure(project: str) -> None:
    future = PubSubPublisher(project).publish_message("no_such_topic", b"", {"topic": "a"})
    assert isinstance(future.exception(60), NotFound)


def test_a_process_that_exits_without_closing_loses_nothing(project: str, topic: Topic) -> None:
    run(project, "publish(*range(20))")
    assert sorted(numbers(topic.messages(20))) == list(range(20))


def test_an_exit_sends_a_batch_that_does_not_fill(project: str, topic: Topic) -> None:
    began = time.monotonic()
    run(
        project,
        f"slow = PubSubPublisher({project!r}, batch_seconds=10)\n"
        'EventProducer(slow, source="/s", contracts=PACKAGE).publish("flight_departed", a_flight())',
    )
    assert len(topic.messages(1)) == 1
    assert time.monotonic() - began < 10


def test_parent_and_forked_children_each_publish_their_own(project: str, topic: Topic) -> None:
    run(
        project,
        """
for future in publish(0, 1): future.result(30)
children = []
for number in (10, 20, 30):
    pid = os.fork()
    if pid == 0:
        publish(number, number + 1)
        sys.exit(0)
    children.append(pid)
publish(2, 3)
assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0, 0, 0]
publish(4)
""",
    )
    assert sorted(numbers(topic.messages(11))) == [0, 1, 2, 3, 4, 10, 11, 20, 21, 30, 31]


def test_the_children_of_a_pool_lose_nothing(project: str, topic: Topic) -> None:
    run(
        project,
        """
publish(0)[0].result(30)
children = [multiprocessing.get_context("fork").Process(target=publish, args=(number,)) for number in (1, 2)]
for child in children: child.start()
for child in children: child.join()
assert [child.exitcode for child in children] == [0, 0]
""",
    )
    assert sorted(numbers(topic.messages(3))) == [0, 1, 2]


def test_the_command_names_the_missing_topic_and_the_remedy(project: str) -> None:
    line = (
        '{"carrier": "UA", "flight": 1, "origin": "EWR", "destination": "IAH", "scheduled_at": "2026-03-14T15:09:26Z",'
    )
    line += ' "distance_miles": 1400, "cancelled": false}'
    with pytest.raises(NoTopicError, match=f"projects/{project}/topics/{SUBJECT}: not found; run `headrace provision`"):
        publish_lines(Settings(project=project, contracts=SAMPLES), SUBJECT, [line], "/test")
