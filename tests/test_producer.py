"""What an application may rely on when it publishes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from producers import EventProducer, InvalidEventError, ProducerClosedError, PublishError, UnknownSchemaError
from producers.testing import FakePublisher
from tests.builders import a_booking, a_flight


def a_producer(publisher: FakePublisher) -> EventProducer:
    return EventProducer(publisher, source="/checkout")


def published(fields: dict[str, Any], subject: str = "flight_departed", **more: Any) -> dict[str, str]:
    fake = FakePublisher()
    with a_producer(fake) as producer:
        producer.publish(subject, fields, **more).result()
    (message,) = fake.messages
    return message.attributes


def test_an_event_arrives_as_it_was_given() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer:
        assert producer.publish("flight_departed", a_flight()).result() == "1"
    assert fake.events("flight_departed") == [a_flight()]
    assert fake.closed


def test_the_event_time_comes_from_the_contract_in_utc() -> None:
    at = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert published(a_flight(scheduled_at=at))["ce-time"] == "2026-02-28T23:30:00Z"


def test_who_publishes_the_same_flight_derives_the_same_id() -> None:
    first = published(a_flight())
    second = published(a_flight(tail_number=None, distance_miles=1))
    assert UUID(first["ce-id"]).version == 5
    assert first["ce-id"] == second["ce-id"]
    assert published(a_flight(flight=2))["ce-id"] != first["ce-id"]


def test_without_identity_each_event_has_an_id_of_its_own() -> None:
    ids = {published(a_booking(), "booking_created")["ce-id"] for _ in range(3)}
    assert len(ids) == 3
    assert {UUID(each).version for each in ids} == {7}


def test_an_id_of_the_application_wins() -> None:
    assert published(a_flight(), event_id="mine")["ce-id"] == "mine"


@pytest.mark.parametrize("event_id", ["", "x" * 1025])
def test_an_id_that_no_attribute_can_hold_is_refused(event_id: str) -> None:
    with pytest.raises(ValueError, match="event_id"):
        published(a_flight(), event_id=event_id)


def test_nothing_invalid_is_sent_and_the_error_does_not_tell_the_value() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer, pytest.raises(InvalidEventError) as refused:
        producer.publish("booking_created", a_booking(email=123_456_789))
    assert "email" in str(refused.value)
    assert "int" in str(refused.value)
    assert "123" not in str(refused.value)
    assert fake.messages == []


def test_an_unknown_subject_is_refused() -> None:
    with a_producer(FakePublisher()) as producer, pytest.raises(UnknownSchemaError, match="no_such_thing"):
        producer.publish("no_such_thing", {})


def test_the_ordering_key_travels_with_the_message() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer:
        producer.publish("flight_departed", a_flight(), ordering_key="EWR")
    assert (fake.messages[0].ordering_key, fake.messages[0].attributes["ce-partitionkey"]) == ("EWR", "EWR")


def test_a_failure_is_in_the_future_and_flush_tells_it_once() -> None:
    fake = FakePublisher()
    producer = a_producer(fake)
    fake.failure = RuntimeError("no broker")
    future = producer.publish("flight_departed", a_flight())
    assert future.exception() is fake.failure
    with pytest.raises(PublishError, match="1 events were not published"):
        producer.flush()
    producer.flush()


def test_a_closed_producer_says_so_and_closes_twice() -> None:
    producer = a_producer(FakePublisher())
    producer.close()
    producer.close()
    with pytest.raises(ProducerClosedError):
        producer.publish("flight_departed", a_flight())


def test_flush_says_how_many_events_are_still_under_way() -> None:
    class Slow(FakePublisher):
        def publish(self, *arguments: Any) -> Any:
            super().publish(*arguments)
            return __import__("concurrent.futures").futures.Future()

    producer = a_producer(Slow())
    producer.publish("flight_departed", a_flight())
    with pytest.raises(TimeoutError, match="1 events are still under way"):
        producer.flush(timeout=0.01)
    producer._start_afresh()  # what a forked child does; nothing is left to wait for at exit


def in_a_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env={**os.environ}
    )
    return done.stdout


def test_the_sdk_imports_neither_beam_nor_arrow() -> None:
    heavy = in_a_process("import producers, sys; print([m for m in ('apache_beam', 'pyarrow') if m in sys.modules])")
    assert heavy.strip() == "[]"


def test_a_forked_child_does_not_wait_for_the_parents_events() -> None:
    code = """
import os, concurrent.futures
from producers import EventProducer
from producers.testing import FakePublisher
from tests.builders import a_flight
class Stuck(FakePublisher):
    def publish(self, *a):
        super().publish(*a); return concurrent.futures.Future()
producer = EventProducer(Stuck(), source="/s")
producer.publish("flight_departed", a_flight())
pid = os.fork()
if pid == 0:
    producer.flush(timeout=0.1); os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
os._exit(0)
"""
    assert in_a_process(code).strip() == "0"


def test_time_moves_on_for_every_id() -> None:
    first, second = (published(a_booking(created_at=datetime.now(UTC)), "booking_created")["ce-id"] for _ in "ab")
    assert first < second
