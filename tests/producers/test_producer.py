"""What an application may rely on when it publishes."""

from __future__ import annotations

import gc
import io
import re
import threading
import weakref
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pytest

from headrace.producers import (
    EventProducer,
    InvalidEventError,
    ProducerClosedError,
    PublishError,
    PubSubPublisher,
    UnknownSchemaError,
)
from headrace.producers.testing import FakePublisher
from headrace.schemas import Envelope, Registry
from headrace.schemas.compiled_modules import PURE
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.envelope import to_micros
from headrace.schemas.identity import derive_event_id
from tests.support.builders import BOOKING, MOMENT, PACKAGE, a_booking, a_contract, a_flight, decode
from tests.support.paths import ROOT

SECRET = "4111111111111111"


class HeldPublisher(FakePublisher):
    """Confirms nothing until the test does."""

    def __init__(self) -> None:
        super().__init__()
        self.futures: list[Future[str]] = []

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        super().publish(subject, data, attributes, ordering_key)
        self.futures.append(Future())
        return self.futures[-1]

    def confirm(self) -> None:
        for future in self.futures:
            future.set_result("1")


def a_producer(publisher: FakePublisher) -> EventProducer:
    return EventProducer(publisher, source="/checkout", contracts=PACKAGE)


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
        assert not fake.closed
    assert fake.events("flight_departed", PACKAGE) == [a_flight()]
    assert fake.closed


def test_the_event_time_comes_from_the_contract_in_utc() -> None:
    at = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert published(a_flight(scheduled_at=at))["ce-time"] == "2026-02-28T23:30:00Z"


def test_the_attributes_are_those_of_the_newest_contract() -> None:
    attributes = published(a_booking(), "booking_created", event_id="one")
    assert attributes == {
        "ce-specversion": "1.0",
        "ce-id": "one",
        "ce-type": "booking_created",
        "ce-time": "2026-03-14T15:09:26.535000Z",
        "ce-source": "/checkout",
        "ce-dataschema": "headrace:booking_created:2",
        "content-type": "application/avro",
    }


def test_an_event_with_a_value_of_every_type_comes_back() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer:
        producer.publish("booking_created", a_booking())
    assert fake.events("booking_created", PACKAGE) == [a_booking()]
    assert fake.events("flight_departed", PACKAGE) == []


@pytest.mark.parametrize("unit", ["millis", "micros"])
@pytest.mark.parametrize(
    "at",
    [
        pytest.param(datetime(1, 1, 1, 0, 0, 0, 1_000, UTC), id="first"),
        pytest.param(datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC), id="before 1970"),
        pytest.param(datetime(2026, 7, 1, 2, 0, 0, 123_000, timezone(timedelta(hours=-9))), id="another zone"),
        pytest.param(datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC), id="last"),
    ],
)
def test_the_event_time_of_the_envelope_is_exactly_the_stored_one(unit: str, at: datetime) -> None:
    contract = a_contract(at={"type": "long", "logicalType": f"timestamp-{unit}"})
    fake = FakePublisher()
    with EventProducer(fake, source="/s", contracts=Registry({contract.ref: contract})) as producer:
        producer.publish("thing_happened", {"at": at})
    (message,) = fake.messages
    assert to_micros(Envelope.from_attributes(message.attributes).event_time) == decode(contract, message.data)["at"]


def test_fields_with_a_default_may_be_left_out() -> None:
    fields = a_flight()
    del fields["tail_number"]
    fake = FakePublisher()
    with a_producer(fake) as producer:
        producer.publish("flight_departed", fields)
    assert fake.events("flight_departed", PACKAGE) == [a_flight(tail_number=None)]


def test_publishing_the_same_flight_again_derives_the_same_id() -> None:
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


NO_ATTRIBUTE = [
    pytest.param("", id="empty"),
    pytest.param("x" * 1025, id="too long"),
    pytest.param("é" * 513, id="too many bytes"),
    pytest.param("\ud800", id="half a surrogate pair"),
    pytest.param(7, id="a number"),
]


@pytest.mark.parametrize("text", NO_ATTRIBUTE)
@pytest.mark.parametrize("name", ["event_id", "ordering_key"])
def test_an_id_or_key_that_no_attribute_can_hold_is_refused(name: str, text: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}: not a text of 1 to 1024 bytes"):
        published(a_flight(), **{name: text})


@pytest.mark.parametrize("text", NO_ATTRIBUTE)
def test_a_source_that_no_attribute_can_hold_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="source: not a text"):
        EventProducer(FakePublisher(), source=text, contracts=PACKAGE)


@pytest.mark.parametrize("text", ["x", "é" * 512])
@pytest.mark.parametrize("name", ["event_id", "ordering_key"])
def test_an_id_or_key_of_1_to_1024_bytes_fits(name: str, text: str) -> None:
    attributes = published(a_flight(), **{name: text})
    assert attributes["ce-id" if name == "event_id" else "ce-partitionkey"] == text


def test_nothing_invalid_is_sent_and_the_error_does_not_tell_the_value() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer, pytest.raises(InvalidEventError) as refused:
        producer.publish("booking_created", a_booking(email=123_456_789))
    assert "email" in str(refused.value)
    assert "int" in str(refused.value)
    assert "123" not in str(refused.value)
    assert fake.messages == []


def test_an_event_larger_than_the_job_reads_is_refused() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer, pytest.raises(InvalidEventError, match=f"at most {MAX_PAYLOAD_BYTES}"):
        producer.publish("booking_created", a_booking(notes=SECRET * (MAX_PAYLOAD_BYTES // len(SECRET) + 1)))
    assert fake.messages == []


def test_a_value_that_the_encoder_refuses_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(out: io.BytesIO, schema: Any, fields: dict[str, Any]) -> None:
        raise ValueError(f"{fields!r} do not match")

    monkeypatch.setenv(PURE, "1")
    monkeypatch.setattr(fastavro, "schemaless_writer", refuse)
    registry = Registry({BOOKING.ref: replace(BOOKING)})  # a contract that has no compiled encoder yet
    producer = EventProducer(FakePublisher(), source="/checkout", contracts=registry)
    with producer, pytest.raises(InvalidEventError) as refused:
        producer.publish("booking_created", a_booking(card_number=SECRET))
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_neither_producer_nor_message_shows_an_event_in_its_repr() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer:
        producer.publish("booking_created", a_booking(card_number=SECRET), event_id="id-1", ordering_key="key-1")
    shown = repr([producer, fake, fake.messages])
    assert not [text for text in (SECRET, "ada@example.com", "id-1", "key-1") if text in shown]


def test_an_unknown_subject_is_refused() -> None:
    with a_producer(FakePublisher()) as producer, pytest.raises(UnknownSchemaError, match="no_such_thing"):
        producer.publish("no_such_thing", {})


def test_without_an_ordering_key_there_is_no_partition_key() -> None:
    assert "ce-partitionkey" not in published(a_flight())


def test_the_ordering_key_travels_with_the_message() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer:
        producer.publish("flight_departed", a_flight(), ordering_key="EWR")
    assert (fake.messages[0].ordering_key, fake.messages[0].attributes["ce-partitionkey"]) == ("EWR", "EWR")


def test_a_failure_is_in_the_future_and_flush_reports_it_once() -> None:
    fake = FakePublisher()
    producer = a_producer(fake)
    fake.failure = RuntimeError("no broker")
    future = producer.publish("flight_departed", a_flight())
    assert future.exception() is fake.failure
    with pytest.raises(PublishError, match=r"1 event was not published \(RuntimeError\)"):
        producer.flush()
    producer.flush()


def test_the_fake_fails_every_event_until_its_failure_is_cleared() -> None:
    fake, failure = FakePublisher(), RuntimeError("no broker")
    fake.failure = failure
    futures = [fake.publish("flight_departed", b"lost", {}, "") for _ in range(2)]
    fake.failure = None
    futures.append(fake.publish("flight_departed", b"sent", {"ce-id": "1"}, "EWR"))
    assert [future.done() for future in futures] == [True, True, True]
    assert [future.exception() for future in futures] == [failure, failure, None]
    assert [(each.subject, each.data, each.attributes, each.ordering_key) for each in fake.messages] == [
        ("flight_departed", b"sent", {"ce-id": "1"}, "EWR")
    ]


def test_a_producer_goes_on_after_a_failure() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer:
        fake.failure = RuntimeError("no broker")
        producer.publish("flight_departed", a_flight(), event_id="same")
        with pytest.raises(PublishError):
            producer.flush()
        fake.failure = None
        producer.publish("flight_departed", a_flight(), event_id="same")
    assert [message.attributes["ce-id"] for message in fake.messages] == ["same"]


def test_leaving_the_block_reports_failures() -> None:
    fake = FakePublisher()
    fake.failure = RuntimeError("no broker")
    with pytest.raises(PublishError, match="1 event was not published"), a_producer(fake) as producer:
        producer.publish("flight_departed", a_flight())
    assert fake.closed


def test_a_cancelled_event_counts_as_not_published() -> None:
    held = HeldPublisher()
    producer = a_producer(held)
    producer.publish("flight_departed", a_flight()).cancel()
    with pytest.raises(PublishError, match=r"1 event was not published \(CancelledError\)"):
        producer.flush()


def test_a_closed_producer_says_so_and_closes_twice() -> None:
    producer = a_producer(FakePublisher())
    producer.close()
    producer.close()
    with pytest.raises(ProducerClosedError):
        producer.publish("flight_departed", a_flight())


def test_flush_reports_how_many_events_are_still_in_flight() -> None:
    held = HeldPublisher()
    producer = a_producer(held)
    for _ in range(3):
        producer.publish("flight_departed", a_flight())
    held.futures[0].set_result("1")
    with pytest.raises(TimeoutError, match="2 events are still under way"):
        producer.flush(timeout=0.01)
    for future in held.futures[1:]:
        future.set_result("1")
    producer.flush()


def test_flush_waits_for_what_is_confirmed_meanwhile() -> None:
    held = HeldPublisher()
    producer = a_producer(held)
    producer.publish("flight_departed", a_flight())
    thread = threading.Timer(0.05, held.confirm)
    thread.start()
    producer.flush(timeout=30)
    assert held.futures[0].done()
    thread.join()


def test_closing_again_still_waits_for_what_the_first_time_left() -> None:
    held = HeldPublisher()
    producer = a_producer(held)
    producer.publish("flight_departed", a_flight())
    for _ in range(2):
        with pytest.raises(TimeoutError):
            producer.close(timeout=0.01)
    held.confirm()
    producer.close()
    assert held.closed


def test_two_producers_of_one_publisher_each_tell_their_own_failures() -> None:
    fake = FakePublisher()
    one, other = a_producer(fake), a_producer(fake)
    fake.failure = RuntimeError("no broker")
    one.publish("flight_departed", a_flight())
    other.flush()
    with pytest.raises(PublishError):
        one.flush()


def test_an_unreferenced_producer_is_collected_even_with_events_in_flight() -> None:
    held = HeldPublisher()
    producer = a_producer(held)
    producer.publish("flight_departed", a_flight())
    gone = weakref.ref(producer)
    del producer
    gc.collect()
    assert gone() is None
    held.confirm()


def test_many_threads_share_a_producer() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer:

        def publish_some() -> None:
            for _ in range(50):
                producer.publish("booking_created", a_booking())

        threads = [threading.Thread(target=publish_some) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({message.attributes["ce-id"] for message in fake.messages}) == 400


def test_the_fake_needs_the_contracts_it_shall_decode() -> None:
    contract = a_contract()
    registry = Registry({contract.ref: contract})
    fake = FakePublisher()
    with EventProducer(fake, source="/s", contracts=registry) as producer:
        producer.publish("thing_happened", {"at": datetime(2026, 1, 1, tzinfo=UTC)})
    assert fake.events("thing_happened", registry) == [{"at": datetime(2026, 1, 1, tzinfo=UTC)}]
    with pytest.raises(UnknownSchemaError):
        fake.events("thing_happened", PACKAGE)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        pytest.param({"project": ""}, "project: empty", id="no project"),
        pytest.param({"max_outstanding_messages": 0}, "a limit below 1", id="no messages"),
        pytest.param({"max_outstanding_bytes": 0}, "a limit below 1", id="no bytes"),
        pytest.param({"batch_messages": 0}, "a limit below 1", id="empty batches"),
        pytest.param({"batch_messages": 1_001}, "batch_messages: above 1,000", id="more than a request may have"),
        pytest.param({"batch_bytes": 10_000_001}, "batch_bytes: above 10,000,000", id="larger than a request may be"),
        pytest.param({"batch_seconds": 60}, "batch_seconds", id="batches longer than an exit waits"),
    ],
)
def test_settings_that_could_never_publish_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        PubSubPublisher(**{"project": "travel", **settings})


def test_an_ordering_key_needs_an_ordered_publisher() -> None:
    with (
        EventProducer(PubSubPublisher("travel"), source="/s", contracts=PACKAGE) as producer,
        pytest.raises(ValueError, match="ordered=True"),
    ):
        producer.publish("flight_departed", a_flight(), ordering_key="EWR")


def test_a_closed_publisher_does_not_open_again() -> None:
    publisher = PubSubPublisher("travel")
    publisher.close()
    publisher.close()
    with pytest.raises(ProducerClosedError):
        publisher.publish_message("flight_departed", b"", {})


def test_time_moves_on_for_every_id() -> None:
    first, second = (published(a_booking(created_at=datetime.now(UTC)), "booking_created")["ce-id"] for _ in "ab")
    assert first < second


def test_the_lines_of_the_readme_publish_an_event_of_ones_own_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (ROOT / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    contract, fake = a_contract(("count", "int")), FakePublisher()
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / f"{contract.subject}.v1.avsc").write_text(contract.json)
    monkeypatch.chdir(tmp_path)
    event = {"at": datetime(2026, 3, 14, tzinfo=UTC), "count": 7}
    own = re.sub(r"publish\(.*\)", f"publish({contract.subject!r}, event)", code, flags=re.DOTALL)
    monkeypatch.setattr("headrace.producers.PubSubPublisher", lambda project: fake)
    exec(own.replace("schemas/avro", "contracts"), {"event": event})
    assert [each["count"] for each in fake.events(contract.subject, Registry.load(Path("contracts")))] == [7]


@pytest.mark.parametrize("rule", ["check", "derive"])
def test_an_id_that_the_contract_does_not_trust_is_refused_unless_it_is_the_derived_one(rule: str) -> None:
    contract = a_contract(("n", "int"), identity={"fields": ["n"], "id": rule})
    publisher = FakePublisher()
    event = {"n": 1, "at": MOMENT}
    derived = derive_event_id(contract, event)
    with EventProducer(publisher, source="/test", contracts=Registry({contract.ref: contract})) as producer:
        with pytest.raises(ValueError, match="event_id: not the id that the contract's identity gives; leave it out"):
            producer.publish("thing_happened", event, event_id="mine")
        producer.publish("thing_happened", event, event_id=derived)
        producer.publish("thing_happened", event)
    assert [each.attributes["ce-id"] for each in publisher.messages] == [derived, derived]
