"""StreamingPull as a client's own requests see it: limits of a stream, deadlines, and what ends it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from google.api_core.exceptions import FailedPrecondition, GoogleAPICallError, InvalidArgument, NotFound
from google.pubsub_v1.types import BigQueryConfig, PushConfig, StreamingPullRequest

from tests.conformance.conftest import Pubsub

pytestmark = pytest.mark.emulators
EMULATOR = "google-emulator"
SECONDS: Final = 15.0
QUIET_SECONDS: Final = 2.0  # nothing more comes
CHANGED: Final = pytest.mark.deviates(EMULATOR, "takes limits that are set on a stream later")


class Stream:
    """One stream: what it got, and the error that ended it."""

    def __init__(self, pubsub: Pubsub, subscription: str, **first: Any) -> None:
        self._requests: queue.Queue[StreamingPullRequest | None] = queue.Queue()
        self.send(subscription=subscription, stream_ack_deadline_seconds=60, **first)
        self._changed = threading.Condition()
        self.received: list[Any] = []
        self.error: GoogleAPICallError | None = None
        self.is_over = False
        self._responses = pubsub.subscriber.streaming_pull(requests=iter(self._requests.get, None))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def send(self, **request: Any) -> None:
        self._requests.put(StreamingPullRequest(request))

    def wait_for(self, count: int) -> list[str]:
        """Wait for so many messages, or the end; return the texts of all that came."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.received) >= count or self.is_over, SECONDS)
            return [each.message.data.decode() for each in self.received]

    def quiet(self) -> int:
        """Return how many messages there are when nothing has come for some seconds."""
        count, since = len(self.received), time.monotonic()
        while time.monotonic() < since + QUIET_SECONDS:
            with self._changed:
                self._changed.wait(0.2)
            if len(self.received) != count:
                count, since = len(self.received), time.monotonic()
        return count

    def wait_for_error(self) -> GoogleAPICallError | None:
        self._thread.join(SECONDS)
        return self.error

    def acknowledge(self, received: list[Any]) -> None:
        self.send(ack_ids=[each.ack_id for each in received])

    def close(self) -> None:
        self._requests.put(None)
        call: Any = self._responses
        call.cancel()
        self._thread.join(SECONDS)

    def _read(self) -> None:
        try:
            for response in self._responses:
                with self._changed:
                    self.received += response.received_messages
                    self._changed.notify_all()
        except GoogleAPICallError as error:
            self.error = error
        with self._changed:
            self.is_over = True
            self._changed.notify_all()


@contextmanager
def streaming(pubsub: Pubsub, subscription: str, **first: Any) -> Iterator[Stream]:
    stream = Stream(pubsub, subscription, **first)
    try:
        yield stream
    finally:
        stream.close()


@pytest.mark.deviates(EMULATOR, "ignores the limits of a stream")
def test_a_stream_gets_no_more_messages_than_it_allows(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, *map(str, range(30)))
    with streaming(pubsub, name, max_outstanding_messages=10) as stream:
        stream.wait_for(10)
        assert stream.quiet() == 10
        stream.acknowledge(stream.received[:4])
        assert len(stream.wait_for(14)) == 14
        assert stream.quiet() == 14


@pytest.mark.deviates(EMULATOR, "ignores the limits of a stream")
def test_a_stream_gets_no_more_bytes_than_it_allows(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    for _ in range(6):
        pubsub.publish(topic, "x" * 100_000)
    with streaming(pubsub, name, max_outstanding_bytes=250_000) as stream:
        stream.wait_for(3)
        assert stream.quiet() == 3, "messages come while fewer bytes than the limit are outstanding"
        stream.acknowledge(stream.received[:1])
        stream.wait_for(4)
        assert stream.quiet() == 4


@pytest.mark.deviates(EMULATOR, "ignores the limits of a stream")
def test_a_message_that_is_larger_than_the_limit_comes_alone(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "x" * 100_000, "y" * 100_000)
    with streaming(pubsub, name, max_outstanding_bytes=1_000) as stream:
        stream.wait_for(1)
        assert stream.quiet() == 1


def test_a_stream_without_limits_gets_everything(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    for start in range(0, 12_000, 1_000):
        pubsub.publish(topic, *map(str, range(start, start + 1_000)))
    with streaming(pubsub, name) as stream:
        assert len(stream.wait_for(12_000)) == 12_000


def test_a_refused_message_gives_its_room_back(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a")
    with streaming(pubsub, name, max_outstanding_messages=1) as stream:
        assert stream.wait_for(1) == ["a"]
        stream.send(modify_deadline_ack_ids=[stream.received[0].ack_id], modify_deadline_seconds=[0])
        assert stream.wait_for(2) == ["a", "a"]


@pytest.mark.parametrize(
    "later",
    [
        pytest.param({"subscription": "projects/p/subscriptions/other"}, id="subscription"),
        pytest.param({"max_outstanding_messages": 5}, id="messages", marks=CHANGED),
        pytest.param({"max_outstanding_bytes": 5}, id="bytes", marks=CHANGED),
        pytest.param({"protocol_version": 1}, id="protocol", marks=CHANGED),
        pytest.param({"ack_ids": ["no such id"]}, id="ack-id"),
        pytest.param({"modify_deadline_ack_ids": ["no such id"], "modify_deadline_seconds": []}, id="deadline"),
    ],
)
def test_a_later_request_that_is_invalid_ends_the_stream(pubsub: Pubsub, later: dict[str, Any]) -> None:
    name = pubsub.subscription(pubsub.topic())
    with streaming(pubsub, name) as stream:
        stream.send(**later)
        assert isinstance(stream.wait_for_error(), InvalidArgument)


@pytest.mark.parametrize(
    "seconds",
    [-1, pytest.param(601, marks=pytest.mark.deviates(EMULATOR, "takes deadlines of more than ten minutes"))],
)
def test_a_deadline_is_between_none_and_ten_minutes(pubsub: Pubsub, seconds: int) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a")
    (received,) = pubsub.pull_all(name, 1)
    with pytest.raises(InvalidArgument):
        pubsub.subscriber.modify_ack_deadline(
            subscription=name, ack_ids=[received.ack_id], ack_deadline_seconds=seconds
        )


def test_a_deadline_below_zero_ends_the_stream(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a")
    with streaming(pubsub, name) as stream:
        stream.wait_for(1)
        stream.send(modify_deadline_ack_ids=[stream.received[0].ack_id], modify_deadline_seconds=[-1])
        assert isinstance(stream.wait_for_error(), InvalidArgument)


def test_a_stream_ends_with_its_subscription(pubsub: Pubsub) -> None:
    name = pubsub.subscription(pubsub.topic())
    with streaming(pubsub, name) as stream:
        assert stream.quiet() == 0
        pubsub.subscriber.delete_subscription(subscription=name)
        assert isinstance(stream.wait_for_error(), NotFound)


@pytest.mark.deviates(EMULATOR, "lets clients pull what is delivered by push or to BigQuery")
@pytest.mark.parametrize(
    "settings",
    [
        {"push_config": PushConfig(push_endpoint="https://example.com/")},
        {"bigquery_config": BigQueryConfig(table="p.d.t")},
    ],
    ids=["push", "bigquery"],
)
def test_what_is_delivered_elsewhere_cannot_be_pulled(pubsub: Pubsub, settings: dict[str, Any]) -> None:
    name = pubsub.subscription(pubsub.topic(), **settings)
    with pytest.raises(FailedPrecondition):
        pubsub.pull(name)
    with streaming(pubsub, name) as stream:
        assert isinstance(stream.wait_for_error(), FailedPrecondition)
