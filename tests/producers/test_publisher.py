"""What Google's client asks of Pub/Sub when an application publishes, and what becomes of it in a forked child."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google import pubsub_v1 as gapic
from google.api_core.exceptions import NotFound
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.publisher.exceptions import FlowControlLimitError

from headrace.producers import PubSubPublisher, publisher

SUBJECT = "flight_departed"
TOPIC = f"projects/travel/topics/{SUBJECT}"
SECONDS = 30.0  # for what comes at once; what waits for its batch to fill would come after a minute
SLOW = publisher.MAX_BATCH_SECONDS


class PubSub(grpc.GenericRpcHandler):
    """Takes what is published to *topics* and keeps each request's messages."""

    def __init__(self) -> None:
        self.topics = {TOPIC}
        self.requests: list[list[gapic.PubsubMessage]] = []

    @property
    def messages(self) -> list[gapic.PubsubMessage]:
        return [message for request in self.requests for message in request]

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        if details.method != "/google.pubsub.v1.Publisher/Publish":
            return None
        return grpc.unary_unary_rpc_method_handler(
            self.publish, gapic.PublishRequest.deserialize, gapic.PublishResponse.serialize
        )

    def publish(self, request: gapic.PublishRequest, context: grpc.ServicerContext) -> gapic.PublishResponse:
        if request.topic not in self.topics:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such topic")
        first = len(self.messages) + 1
        self.requests.append(list(request.messages))
        return gapic.PublishResponse(message_ids=[str(first + place) for place in range(len(request.messages))])


@pytest.fixture
def pubsub(monkeypatch: pytest.MonkeyPatch) -> Iterator[PubSub]:
    handler = PubSub()
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{port}")
    yield handler
    server.stop(0).wait()


@contextmanager
def opened(**settings: Any) -> Iterator[PubSubPublisher]:
    one = PubSubPublisher("travel", **settings)
    try:
        yield one
    finally:
        one.close()


def test_a_message_arrives_as_it_was_given_and_its_future_says_its_id(pubsub: PubSub) -> None:
    with opened() as one:
        assert one.publish(SUBJECT, b"\x00\xff", {"ce-id": "1"}, "").result(SECONDS) == "1"
        assert one.publish_message(SUBJECT, b"", {"any": "thing"}).result(SECONDS) == "2"
    assert [(each.data, dict(each.attributes), each.ordering_key) for each in pubsub.messages] == [
        (b"\x00\xff", {"ce-id": "1"}, ""),
        (b"", {"any": "thing"}, ""),
    ]


def test_the_future_reports_a_missing_topic(pubsub: PubSub) -> None:
    with opened() as one:
        assert type(one.publish_message("nobodys", b"", {}).exception(SECONDS)) is NotFound
    assert pubsub.requests == []


def test_a_batch_is_sent_once_it_is_full(pubsub: PubSub) -> None:
    sent = [bytes([number]) for number in range(6)]
    with opened(batch_seconds=SLOW, batch_messages=3) as one:
        futures = [one.publish_message(SUBJECT, data, {}) for data in sent]
        futures[0].result(publisher.MAX_BATCH_SECONDS / 4)
    assert {future.result(SECONDS) for future in futures} == {"1", "2", "3", "4", "5", "6"}
    assert sorted(each.data for each in pubsub.messages) == sent
    assert 2 <= len(pubsub.requests) <= 4
    assert max(map(len, pubsub.requests)) <= 3


def test_messages_of_one_key_arrive_in_their_order(pubsub: PubSub) -> None:
    sent = [bytes([number]) for number in range(6)]
    with opened(batch_messages=3, ordered=True) as one:
        futures = [one.publish_message(SUBJECT, data, {}, "EWR") for data in sent]
        assert [future.result(SECONDS) for future in futures] == ["1", "2", "3", "4", "5", "6"]
    assert [(each.data, each.ordering_key) for each in pubsub.messages] == [(data, "EWR") for data in sent]


@pytest.mark.parametrize("batch_seconds", [0, 0.01])
def test_a_batch_that_does_not_fill_is_sent_after_its_time(pubsub: PubSub, batch_seconds: float) -> None:
    with opened(batch_seconds=batch_seconds) as one:
        assert one.publish_message(SUBJECT, b"", {}).result(SECONDS) == "1"


def test_what_waits_for_its_batch_is_sent_when_the_publisher_is_closed(pubsub: PubSub) -> None:
    one = PubSubPublisher("travel", batch_seconds=SLOW)
    future = one.publish_message(SUBJECT, b"last", {})
    one.close()
    assert future.result(publisher.MAX_BATCH_SECONDS / 4) == "1"
    assert [each.data for each in pubsub.messages] == [b"last"]


def test_limits_of_one_are_enough_to_publish(pubsub: PubSub) -> None:
    with opened(max_outstanding_messages=1, batch_messages=1, batch_bytes=1) as one:
        for number in range(3):
            assert one.publish_message(SUBJECT, b"", {}).result(SECONDS) == str(number + 1)


@pytest.mark.parametrize("ordered", [False, True])
def test_a_message_larger_than_all_that_may_be_outstanding_fails_at_once(pubsub: PubSub, ordered: bool) -> None:
    with opened(max_outstanding_bytes=1, ordered=ordered) as one:
        future = one.publish_message(SUBJECT, b"12", {}, "EWR" if ordered else "")
        assert type(future.exception(0)) is FlowControlLimitError
    assert pubsub.requests == []


@pytest.mark.parametrize("ordered", [False, True])
def test_an_ordered_publisher_needs_no_ordering_key(pubsub: PubSub, ordered: bool) -> None:
    with opened(ordered=ordered) as one:
        assert one.publish_message(SUBJECT, b"", {}).result(SECONDS) == "1"


def test_a_key_goes_on_after_its_messages_failed(pubsub: PubSub) -> None:
    pubsub.topics.clear()
    with opened(ordered=True) as one:
        assert type(one.publish_message(SUBJECT, b"lost", {}, "EWR").exception(SECONDS)) is NotFound
        pubsub.topics.add(TOPIC)
        assert one.publish_message(SUBJECT, b"first", {}, "EWR").result(SECONDS) == "1"
        assert one.publish_message(SUBJECT, b"second", {}, "EWR").result(SECONDS) == "2"
    assert [each.data for each in pubsub.messages] == [b"first", b"second"]


@pytest.mark.parametrize("name", ["topic", "data", "self", "ordering_key", "retry", "timeout"])
def test_an_attribute_may_have_any_name(pubsub: PubSub, name: str) -> None:
    attributes = {name: "of the application", "more": "1"}
    with opened(ordered=True) as one:
        assert one.publish_message(SUBJECT, b"data", attributes, "EWR").result(SECONDS) == "1"
    (message,) = pubsub.messages
    assert (message.data, dict(message.attributes), message.ordering_key) == (b"data", attributes, "EWR")


def test_a_failure_is_in_the_future_regardless_of_attribute_names(pubsub: PubSub) -> None:
    with opened() as one:
        assert type(one.publish_message("nobodys", b"", {"topic": "t"}).exception(0)) is NotFound
    assert pubsub.requests == []


class Confirmed:
    """A client as Google's that confirms each message before the next line runs, or fails all with one error."""

    def __init__(self, *_: Any) -> None:
        self.sent: list[bytes] = []
        self.failure: Exception | None = None

    def publish(self, topic: str, data: bytes, ordering_key: str, **attributes: str) -> Future[str]:
        self.sent.append(data)
        future: Future[str] = Future()
        if self.failure is None:
            future.set_result(str(len(self.sent)))
        else:
            future.set_exception(self.failure)
        return future

    def resume_publish(self, topic: str, ordering_key: str) -> None:
        raise AssertionError("no key is paused")

    def stop(self) -> None:
        pass


class Held(Confirmed):
    """Confirms nothing; a wait for it times out at once."""

    class Waiting(Future[str]):
        def exception(self, timeout: float | None = None) -> BaseException | None:
            return super().exception(timeout or 0)

    def publish(self, topic: str, data: bytes, ordering_key: str, **attributes: str) -> Future[str]:
        self.sent.append(data)
        return Held.Waiting()


def with_client(monkeypatch: pytest.MonkeyPatch, client: Any) -> PubSubPublisher:
    monkeypatch.setattr(pubsub_v1, "PublisherClient", lambda *_: client)
    return PubSubPublisher("travel", ordered=True)


def test_a_message_with_a_key_is_sent_once_however_soon_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Confirmed()
    one = with_client(monkeypatch, client)
    assert one.publish_message(SUBJECT, b"once", {}, "EWR").result(0) == "1"
    client.failure = RuntimeError("no broker")
    assert one.publish_message(SUBJECT, b"failed", {}, "EWR").exception(0) is client.failure
    assert client.sent == [b"once", b"failed"]


def test_publishing_with_a_key_does_not_wait_until_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Held()
    one = with_client(monkeypatch, client)
    assert not any(one.publish_message(SUBJECT, data, {}, "EWR").done() for data in (b"one", b"two"))
    assert client.sent == [b"one", b"two"]


def test_a_publisher_opens_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    clients: list[Confirmed] = []

    def open_client(*_: object) -> Confirmed:
        clients.append(Confirmed())
        return clients[-1]

    monkeypatch.setattr(pubsub_v1, "PublisherClient", open_client)
    with opened() as one:
        assert clients == []
        assert [one.publish_message(SUBJECT, b"", {}).result(0) for _ in range(3)] == ["1", "2", "3"]
    assert len(clients) == 1


def test_a_child_opens_a_client_of_its_own_and_leaves_its_parents_open(monkeypatch: pytest.MonkeyPatch) -> None:
    clients: list[weakref.ref[Confirmed]] = []

    def client(*_: Any) -> Confirmed:
        made = Confirmed()
        clients.append(weakref.ref(made))
        return made

    monkeypatch.setattr(pubsub_v1, "PublisherClient", client)
    with opened() as one, opened() as unused:
        one.publish_message(SUBJECT, b"of the parent", {})

        publisher._leave_clients_to_the_parent()

        assert one.publish_message(SUBJECT, b"of the child", {}).result(0) == "1"
        parents, own = (each() for each in clients)
        assert parents is not None
        assert own is not None
        assert (parents.sent, own.sent) == ([b"of the parent"], [b"of the child"])
        assert unused.publish_message(SUBJECT, b"", {}).result(0) == "1"
    del parents
    assert clients[0]() is not None, "to be collected would close it"


def test_a_child_does_not_wait_for_a_client_that_its_parent_was_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    opening, may_open = threading.Event(), threading.Event()

    def client(*_: Any) -> Confirmed:
        if not opening.is_set():
            opening.set()
            assert may_open.wait(SECONDS)
        return Confirmed()

    monkeypatch.setattr(pubsub_v1, "PublisherClient", client)
    with opened() as one, ThreadPoolExecutor(2) as threads:
        parent = threads.submit(one.publish_message, SUBJECT, b"", {})
        assert opening.wait(SECONDS)

        publisher._leave_clients_to_the_parent()
        child = threads.submit(one.publish_message, SUBJECT, b"", {})
        try:
            assert child.result(5).result(0) == "1"
        finally:
            may_open.set()
        parent.result(SECONDS)
