"""What a publisher asks of Pub/Sub when an application publishes, and what becomes of it in a forked child."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import InvalidArgument, NotFound, from_grpc_status
from google.auth.credentials import AnonymousCredentials

from headrace.producers import CredentialsError, MessageTooLargeError, ProducerClosedError, PubSubPublisher, publisher
from headrace.producers.transport import publish_calls
from headrace.producers.transport.limits import MAX_BATCH_SECONDS, MAX_MESSAGE_BYTES, MAX_REQUESTS
from headrace.producers.transport.retry_rule import FIRST_PAUSE, PAUSE_FACTOR, RETRY_SECONDS, RETRYABLE
from tests.support.publish_server import PublishServer, serving
from tests.support.waiting import wait_until

SUBJECT = "flight_departed"
TOPIC = f"projects/travel/topics/{SUBJECT}"
SECONDS = 30.0  # for what comes at once; what waits for its batch to fill would come after a minute
SLOW = MAX_BATCH_SECONDS


@contextmanager
def opened(**settings: Any) -> Iterator[PubSubPublisher]:
    one = PubSubPublisher("travel", **settings)
    try:
        yield one
    finally:
        one.close()


def test_a_message_arrives_as_it_was_given_and_its_future_says_its_id(pubsub: PublishServer) -> None:
    with opened() as one:
        assert one.publish(SUBJECT, b"\x00\xff", {"ce-id": "1"}, "").result(SECONDS) == "1"
        assert one.publish_message(SUBJECT, b"", {"any": "thing"}).result(SECONDS) == "2"
    assert [(each.data, dict(each.attributes), each.ordering_key) for each in pubsub.messages] == [
        (b"\x00\xff", {"ce-id": "1"}, ""),
        (b"", {"any": "thing"}, ""),
    ]


def test_the_future_reports_a_missing_topic(pubsub: PublishServer) -> None:
    with opened() as one:
        assert type(one.publish_message("nobodys", b"", {}).exception(SECONDS)) is NotFound
    assert pubsub.requests == []


def test_a_batch_is_sent_once_it_is_full(pubsub: PublishServer) -> None:
    sent = [bytes([number]) for number in range(6)]
    with opened(batch_seconds=SLOW, batch_messages=3) as one:
        futures = [one.publish_message(SUBJECT, data, {}) for data in sent]
        futures[0].result(MAX_BATCH_SECONDS / 4)
    assert {future.result(SECONDS) for future in futures} == {"1", "2", "3", "4", "5", "6"}
    assert sorted(each.data for each in pubsub.messages) == sent
    assert 2 <= len(pubsub.requests) <= 4
    assert max(map(len, pubsub.requests)) <= 3


def test_messages_of_one_key_arrive_in_their_order(pubsub: PublishServer) -> None:
    sent = [bytes([number]) for number in range(6)]
    with opened(batch_messages=3, ordered=True) as one:
        futures = [one.publish_message(SUBJECT, data, {}, "EWR") for data in sent]
        assert [future.result(SECONDS) for future in futures] == ["1", "2", "3", "4", "5", "6"]
    assert [(each.data, each.ordering_key) for each in pubsub.messages] == [(data, "EWR") for data in sent]


@pytest.mark.parametrize("batch_seconds", [0, 0.01])
def test_a_batch_that_does_not_fill_is_sent_after_its_time(pubsub: PublishServer, batch_seconds: float) -> None:
    with opened(batch_seconds=batch_seconds) as one:
        assert one.publish_message(SUBJECT, b"", {}).result(SECONDS) == "1"


def test_what_waits_for_its_batch_is_sent_when_the_publisher_is_closed(pubsub: PublishServer) -> None:
    one = PubSubPublisher("travel", batch_seconds=SLOW)
    future = one.publish_message(SUBJECT, b"last", {})
    one.close()
    assert future.result(MAX_BATCH_SECONDS / 4) == "1"
    assert [each.data for each in pubsub.messages] == [b"last"]


def test_limits_of_one_are_enough_to_publish(pubsub: PublishServer) -> None:
    with opened(max_outstanding_messages=1, batch_messages=1, batch_bytes=1) as one:
        for number in range(3):
            assert one.publish_message(SUBJECT, b"", {}).result(SECONDS) == str(number + 1)


@pytest.mark.parametrize(("most", "size"), [(1, 2), (64 * 1024 * 1024, MAX_MESSAGE_BYTES)])
def test_a_message_larger_than_can_be_sent_is_refused_at_once(pubsub: PublishServer, most: int, size: int) -> None:
    with (
        opened(max_outstanding_bytes=most) as one,
        pytest.raises(MessageTooLargeError, match=r"a message of [\d,]+ bytes: at most [\d,]+ can be sent; split it"),
    ):
        one.publish_message(SUBJECT, bytes(size), {})
    assert pubsub.requests == []


@pytest.mark.parametrize("ordered", [False, True])
def test_an_ordered_publisher_needs_no_ordering_key(pubsub: PublishServer, ordered: bool) -> None:
    with opened(ordered=ordered) as one:
        assert one.publish_message(SUBJECT, b"", {}).result(SECONDS) == "1"


def test_a_key_goes_on_after_its_messages_failed(pubsub: PublishServer) -> None:
    pubsub.topics.clear()
    with opened(ordered=True) as one:
        assert type(one.publish_message(SUBJECT, b"lost", {}, "EWR").exception(SECONDS)) is NotFound
        pubsub.topics.add(TOPIC)
        assert one.publish_message(SUBJECT, b"first", {}, "EWR").result(SECONDS) == "1"
        assert one.publish_message(SUBJECT, b"second", {}, "EWR").result(SECONDS) == "2"
    assert [each.data for each in pubsub.messages] == [b"first", b"second"]


@pytest.mark.parametrize("name", ["topic", "data", "self", "ordering_key", "retry", "timeout"])
def test_an_attribute_may_have_any_name(pubsub: PublishServer, name: str) -> None:
    attributes = {name: "of the application", "more": "1"}
    with opened(ordered=True) as one:
        assert one.publish_message(SUBJECT, b"data", attributes, "EWR").result(SECONDS) == "1"
    (message,) = pubsub.messages
    assert (message.data, dict(message.attributes), message.ordering_key) == (b"data", attributes, "EWR")


@pytest.mark.parametrize("code", sorted(RETRYABLE, key=str))
def test_a_failure_that_may_pass_is_tried_again(pubsub: PublishServer, code: grpc.StatusCode) -> None:
    pubsub.failures.extend([code, code])
    with opened() as one:
        assert one.publish_message(SUBJECT, b"once", {}).result(SECONDS) == "1"
    assert (pubsub.data, pubsub.tries) == ([b"once"], 3)


def test_messages_of_one_key_keep_their_order_through_failures(pubsub: PublishServer) -> None:
    sent = [bytes([number]) for number in range(40)]
    pubsub.failures.extend([grpc.StatusCode.UNAVAILABLE] * 3)
    with opened(batch_messages=2, ordered=True) as one:
        futures = [one.publish_message(SUBJECT, data, {}, "EWR") for data in sent]
        assert [future.result(SECONDS) for future in futures] == [str(number + 1) for number in range(40)]
    assert (pubsub.data, pubsub.at_once) == (sent, 1)


def test_requests_without_a_key_run_side_by_side(pubsub: PublishServer) -> None:
    pubsub.gate.clear()
    with opened(batch_messages=1) as one:
        futures = [one.publish_message(SUBJECT, b"", {}) for _ in range(40)]
        wait_until(lambda: pubsub.at_once == MAX_REQUESTS)
        pubsub.gate.set()
        assert {future.result(SECONDS) for future in futures} == {str(number + 1) for number in range(40)}
    assert pubsub.at_once == MAX_REQUESTS


@pytest.mark.parametrize("key", ["", "EWR"])
def test_a_message_that_the_service_refuses_leaves_its_neighbours_alone(pubsub: PublishServer, key: str) -> None:
    pubsub.refuses = lambda data: data in {b"3", b"8"}
    with opened(batch_seconds=SLOW, ordered=True) as one:
        futures = [one.publish_message(SUBJECT, str(number).encode(), {}, key) for number in range(10)]
        one.flush()
        errors = [type(future.exception(SECONDS)) for future in futures]
    assert errors[:3] == [type(None)] * 3
    assert errors[3] is InvalidArgument
    if key:  # what is behind it would overtake it
        assert set(errors[4:]) == {InvalidArgument}
        assert pubsub.data == [b"0", b"1", b"2"]
    else:
        assert [place for place, error in enumerate(errors) if error is InvalidArgument] == [3, 8]
        assert sorted(pubsub.data) == [b"0", b"1", b"2", b"4", b"5", b"6", b"7", b"9"]


def test_a_flush_sends_what_waits_for_its_batch(pubsub: PublishServer) -> None:
    with opened(batch_seconds=SLOW, ordered=True) as one:
        futures = [one.publish_message(SUBJECT, b"", {}, key) for key in ("", "EWR", "IAH")]
        one.flush()
        assert {future.result(SLOW / 4) for future in futures} == {"1", "2", "3"}


def test_publishing_blocks_while_too_much_is_unconfirmed(pubsub: PublishServer) -> None:
    pubsub.gate.clear()
    with opened(max_outstanding_messages=3, batch_seconds=SLOW) as one, ThreadPoolExecutor(1) as threads:
        futures = [one.publish_message(SUBJECT, b"", {}) for _ in range(3)]
        fourth = threads.submit(one.publish_message, SUBJECT, b"", {})
        wait_until(lambda: pubsub.at_once == 1)  # what waits for its batch is sent, because it takes the room
        assert not fourth.done()
        pubsub.gate.set()
        one_more = fourth.result(SECONDS)
        one.flush()
        assert {future.result(SECONDS) for future in [*futures, one_more]} == {"1", "2", "3", "4"}


def test_a_function_that_a_future_calls_may_publish_although_there_is_no_room(pubsub: PublishServer) -> None:
    more: list[Future[str]] = []
    with opened(max_outstanding_messages=1, batch_messages=1) as one:
        first = one.publish_message(SUBJECT, b"first", {})
        first.add_done_callback(lambda _: more.append(one.publish_message(SUBJECT, b"second", {})))
        first.add_done_callback(lambda _: more.append(one.publish_message(SUBJECT, b"third", {})))
        assert first.result(SECONDS) == "1"
        wait_until(lambda: len(more) == 2)
        assert sorted(each.result(SECONDS) for each in more) == ["2", "3"]


def test_a_thread_that_waits_for_room_learns_that_the_publisher_is_closed(pubsub: PublishServer) -> None:
    pubsub.gate.clear()
    one = PubSubPublisher("travel", max_outstanding_messages=1)
    with ThreadPoolExecutor(1) as threads:
        first = one.publish_message(SUBJECT, b"", {})
        second = threads.submit(one.publish_message, SUBJECT, b"", {})
        wait_until(lambda: pubsub.at_once == 1)
        one.close()
        assert type(second.exception(SECONDS)) is ProducerClosedError
        pubsub.gate.set()
        assert first.result(SECONDS) == "1"


def test_a_closed_publisher_tries_again_what_is_unconfirmed(pubsub: PublishServer) -> None:
    pubsub.failures.extend([grpc.StatusCode.UNAVAILABLE] * 2)
    one = PubSubPublisher("travel", ordered=True, batch_messages=1)
    futures = [one.publish_message(SUBJECT, bytes([number]), {}, "EWR") for number in range(3)]
    one.close()
    one.close()
    assert [future.result(SECONDS) for future in futures] == ["1", "2", "3"]
    with pytest.raises(ProducerClosedError):
        one.publish_message(SUBJECT, b"", {}, "EWR")


def test_what_was_accepted_arrives_after_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = PublishServer(TOPIC), PublishServer(TOPIC)
    with serving(before) as port:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"http://127.0.0.1:{port}/")
        one = PubSubPublisher("travel")
        one.publish_message(SUBJECT, b"before", {}).result(SECONDS)
    futures = [one.publish_message(SUBJECT, str(number).encode(), {}) for number in range(1_000)]
    with serving(after, port):
        one.close()
        assert len({future.result(SECONDS) for future in futures}) == 1_000
        assert sorted(after.data) == sorted(str(number).encode() for number in range(1_000))


def test_a_request_names_its_topic_for_the_routing_of_the_service(pubsub: PublishServer) -> None:
    with opened() as one:
        one.publish_message(SUBJECT, b"", {}).result(SECONDS)
    assert pubsub.metadata[0]["x-goog-request-params"] == f"topic={TOPIC}"
    assert "gl-python" in pubsub.metadata[0]["x-goog-api-client"]


def test_an_attribute_that_is_not_text_is_refused_and_nothing_is_sent(pubsub: PublishServer) -> None:
    with opened() as one, pytest.raises(TypeError):
        one.publish_message(SUBJECT, b"", {"number": 1})  # type: ignore[dict-item]
    assert pubsub.requests == []


def test_a_child_has_a_connection_of_its_own_and_leaves_its_parents_open(pubsub: PublishServer) -> None:
    pubsub.gate.clear()
    with opened() as one, opened() as unused:
        of_the_parent = one.publish_message(SUBJECT, b"of the parent", {})
        wait_until(lambda: pubsub.at_once == 1)

        publisher._leave_clients_to_the_parent()

        pubsub.gate.set()
        assert one.publish_message(SUBJECT, b"of the child", {}).result(SECONDS) in {"1", "2"}
        assert unused.publish_message(SUBJECT, b"", {}).result(SECONDS)
        assert of_the_parent.result(SECONDS) in {"1", "2"}


def test_a_child_does_not_wait_for_a_connection_that_its_parent_was_opening(
    pubsub: PublishServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, may_open, open_client = threading.Event(), threading.Event(), publish_calls.open_client

    def slow(*settings: Any) -> Any:
        if not opening.is_set():
            opening.set()
            assert may_open.wait(SECONDS)
        return open_client(*settings)

    monkeypatch.setattr(publish_calls, "open_client", slow)
    with opened() as one, ThreadPoolExecutor(2) as threads:
        parent = threads.submit(one.publish_message, SUBJECT, b"", {})
        assert opening.wait(SECONDS)

        publisher._leave_clients_to_the_parent()
        child = threads.submit(one.publish_message, SUBJECT, b"", {})
        try:
            assert child.result(5).result(SECONDS)
        finally:
            may_open.set()
        parent.result(SECONDS)


def test_a_publisher_of_an_endpoint_takes_its_credentials_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    client = publish_calls.open_client(AnonymousCredentials(), "europe-west1-pubsub.googleapis.com:443")
    assert client.api_endpoint == "europe-west1-pubsub.googleapis.com:443"
    client.transport.close()


@pytest.mark.parametrize("given", ["127.0.0.1:9", "http://127.0.0.1:9", "https://127.0.0.1:9/", " http://127.0.0.1:9"])
def test_the_emulators_variable_may_have_a_scheme(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", given)
    assert publish_calls.emulator_host() == "127.0.0.1:9"


def test_the_generated_client_retries_the_same_failures(pubsub: PublishServer) -> None:
    client = publish_calls.open_client()
    transport: Any = client.transport
    retries = transport._wrapped_methods[transport.publish]._retry
    assert {code for code in grpc.StatusCode if retries._predicate(from_grpc_status(code, ""))} == RETRYABLE
    assert (retries._initial, retries._multiplier, retries._timeout) == (FIRST_PAUSE, PAUSE_FACTOR, RETRY_SECONDS)
    transport.close()


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (None, "credentials: none are found; run `gcloud auth application-default login` on your machine"),
        ("missing.json", "credentials: the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be used; correct it"),
        ("broken.json", "credentials: the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be used; correct it"),
    ],
)
def test_credentials_that_are_missing_are_one_sentence_with_the_remedy(
    file: str | None, expected: str, nothing_set: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    (tmp_path / "broken.json").write_text("{a secret")
    if file:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / file))
    one = PubSubPublisher("travel")
    with pytest.raises(CredentialsError, match=expected) as raised:
        one.publish_message(SUBJECT, b"", {})
    assert "PUBSUB_EMULATOR_HOST" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert raised.value.__suppress_context__, "Google's stack says nothing more"
