"""The table in memory, as a test of an application uses it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headrace.core.dead_letter import Reason
from headrace.dev.contract_tests.memory_table import TEST_KEY, MemoryTable
from headrace.producers import EventProducer
from headrace.producers.testing import FakePublisher
from headrace.schemas import InvalidEventError
from tests.support.builders import MOMENT, PACKAGE, a_booking, a_flight


def test_events_become_rows_in_json_with_masks() -> None:
    table = MemoryTable(PACKAGE, "booking_created", now=MOMENT)
    table.publish(a_booking())
    (row,) = table.rows
    assert row["email"].startswith("t1_")
    assert row["created_at"] == "2026-03-14T15:09:26.535000Z"
    assert row["total"] == "1234.500000001"
    assert row["labels"] == {"campaign": "spring"}
    assert row["passengers"] == [{"name": None, "birth_date": "1985-12-01", "document": "*****567", "seat": "12A"}]
    assert "card_number" not in row
    assert row["_source"] == "/test"


def test_the_events_of_an_application_are_taken_from_its_fake_publisher() -> None:
    table, publisher = MemoryTable(PACKAGE, "flight_departed", now=MOMENT), FakePublisher()
    with EventProducer(publisher, source="/checkout", contracts=PACKAGE) as producer:
        for distance in (1400, 1400, 1500):
            producer.publish("flight_departed", a_flight(distance_miles=distance))
        producer.publish("booking_created", a_booking())
    table.receive(publisher.messages)
    assert [row["_source"] for row in table.rows] == ["/checkout"]
    assert table.duplicates == 1
    assert [letter.reason for letter in table.letters] == [Reason.ID_CONFLICT]


def test_what_was_taken_before_is_remembered() -> None:
    table = MemoryTable(PACKAGE, "flight_departed", now=MOMENT)
    for _ in range(2):
        table.publish(a_flight())
    assert (len(table.rows), table.duplicates) == (1, 1)


def test_without_a_time_messages_arrive_now() -> None:
    table = MemoryTable(PACKAGE, "flight_departed")
    table.publish(a_flight(scheduled_at=datetime.now(UTC)), a_flight(scheduled_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert len(table.rows) == 1
    assert [letter.reason for letter in table.letters] == [Reason.TOO_LATE]


def test_an_event_that_the_sdk_refuses_is_an_error_of_the_test() -> None:
    with pytest.raises(InvalidEventError, match="flight: "):
        MemoryTable(PACKAGE, "flight_departed").publish(a_flight(flight="x"))


def test_the_key_is_as_long_as_a_real_one() -> None:
    assert len(TEST_KEY) == 32
