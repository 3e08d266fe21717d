"""What a publisher logs while its requests fail and are tried again, and when they succeed again."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError
from google.auth.transport.grpc import AuthMetadataPlugin

from headrace.producers import PubSubPublisher
from headrace.producers.transport import outages
from headrace.producers.transport.outages import WARN_AFTER_SECONDS, WARN_EVERY_SECONDS, Outages
from headrace.producers.transport.publish_calls import Reply
from tests.support.publish_server import PublishServer
from tests.support.waiting import wait_until

TOPIC = "projects/travel/topics/flight_departed"


def failed(log: Outages, topic: str = TOPIC, seconds: float = WARN_AFTER_SECONDS, now: float = 100.0) -> str | None:
    return log.failed(topic, "UNAVAILABLE", seconds, 1_204, now)


def test_a_failure_that_passes_soon_is_not_logged() -> None:
    log = Outages()
    assert failed(log, seconds=WARN_AFTER_SECONDS - 0.1) is None
    assert log.succeeded(TOPIC, 0) is None


def test_an_outage_is_one_line_with_its_topic_code_and_what_waits() -> None:
    assert failed(Outages(), seconds=7.2) == (
        f"{TOPIC}: not published for 7 s (UNAVAILABLE); unconfirmed messages: 1,204; trying again"
    )


def test_an_outage_is_logged_again_after_a_while_and_not_sooner_whatever_the_topic() -> None:
    log = Outages()
    moments = [100.0, 100.1, 100.0 + WARN_EVERY_SECONDS - 0.1, 100.0 + WARN_EVERY_SECONDS, 101.0 + WARN_EVERY_SECONDS]
    lines = [failed(log, topic=f"projects/travel/topics/t{number}", now=now) for number, now in enumerate(moments)]
    assert [line is not None for line in lines] == [True, False, False, True, False]


def test_the_end_is_logged_once_for_a_topic_that_was_reported() -> None:
    log = Outages()
    failed(log)
    assert log.succeeded("projects/travel/topics/another", 3) is None
    assert log.succeeded(TOPIC, 1_204) == (f"{TOPIC}: published again; unconfirmed messages: 1,204")
    assert log.succeeded(TOPIC, 0) is None


def test_a_publisher_logs_an_outage_and_its_end_without_a_value_of_the_messages(
    pubsub: PublishServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outages, "WARN_AFTER_SECONDS", 0.0)
    pubsub.failures.extend([grpc.StatusCode.UNAVAILABLE] * 3)
    with caplog.at_level(logging.INFO, "headrace.producers"):
        publisher = PubSubPublisher("travel")
        publisher.publish_message("flight_departed", b"a secret", {"ce-id": "a secret"}).result(30)
        publisher.close()
        wait_until(lambda: len(caplog.messages) >= 2)
    assert caplog.messages == [
        f"{TOPIC}: not published for 0 s (UNAVAILABLE); unconfirmed messages: 1; trying again",
        f"{TOPIC}: published again; unconfirmed messages: 1",
    ]
    assert {each.levelno for each in caplog.records} == {logging.WARNING}


class Expired(Credentials):
    """Credentials of a person who must sign in again."""

    def refresh(self, request: object) -> None:
        raise RefreshError("invalid_grant: a secret")


def test_credentials_that_cannot_be_renewed_are_named_and_not_only_a_code() -> None:
    tokens = grpc.metadata_call_credentials(AuthMetadataPlugin(Expired(), None))  # type: ignore[no-untyped-call]
    credentials = grpc.composite_channel_credentials(grpc.local_channel_credentials(), tokens)
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
    server.start()
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        publish: Any = channel.unary_unary("/google.pubsub.v1.Publisher/Publish")
        call = publish.future(b"", timeout=30)
        assert Reply(call).code is grpc.StatusCode.UNAVAILABLE
        assert Reply(call).cause == "UNAVAILABLE: Google's credentials cannot be renewed, sign in again"
    server.stop(0).wait()


def test_messages_that_are_given_up_are_one_line_for_a_while_which_counts_them_all() -> None:
    log = Outages()
    lines = [
        log.gave_up(TOPIC, "NotFound", messages, now) for messages, now in [(3, 0.0), (4, 1.0), (5, 2.0), (6, 31.0)]
    ]
    assert lines == [
        f"{TOPIC}: not published (NotFound); failed messages: 3; their futures have the error",
        None,
        None,
        f"{TOPIC}: not published (NotFound); failed messages: 15; their futures have the error",
    ]


def test_a_missing_topic_is_logged_though_no_one_reads_a_future(
    pubsub: PublishServer, caplog: pytest.LogCaptureFixture
) -> None:
    pubsub.topics.clear()
    one = PubSubPublisher("travel")
    futures = [one.publish_message("flight_departed", b"", {}) for _ in range(3)]
    one.close()
    wait_until(lambda: all(future.done() for future in futures))
    assert caplog.messages == [f"{TOPIC}: not published (NotFound); failed messages: 3; their futures have the error"]
