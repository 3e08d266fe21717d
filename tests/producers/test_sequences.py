"""Numbers of events: contiguous from 1 for each subject, whatever is refused, in any thread and any process."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from headrace.producers import AsyncEventProducer, EventProducer, InvalidEventError, ProducerClosedError
from headrace.producers.outbox import Outbox, OutboxFullError
from headrace.producers.sequences import EventNumbers
from headrace.producers.testing import FakePublisher
from headrace.schemas.sequence import ATTRIBUTE, SequenceNumber
from tests.support.builders import PACKAGE, a_booking, a_flight
from tests.support.outboxes import SECONDS, Broker

FLIGHTS, BOOKINGS = "flight_departed", "booking_created"


class Refusing(FakePublisher):
    """Raises an error for the messages whose number, counted from 1, is in *refused*."""

    def __init__(self, *refused: int) -> None:
        super().__init__()
        self._refused = refused
        self._numbers = count(1)

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        if next(self._numbers) in self._refused:
            raise ValueError("refused")
        return super().publish(subject, data, attributes, ordering_key)


def a_producer(publisher: FakePublisher, **options: Any) -> EventProducer:
    return EventProducer(publisher, source="/checkout", contracts=PACKAGE, sequence=True, **options)


def sequences(publisher: FakePublisher) -> dict[tuple[str, str], list[int]]:
    """The numbers that were published, by subject and epoch."""
    found = defaultdict[tuple[str, str], list[int]](list)
    for message in publisher.messages:
        parsed = SequenceNumber.parse(message.attributes[ATTRIBUTE])
        assert parsed is not None
        found[message.subject, parsed.epoch].append(parsed.number)
    return dict(found)


def test_each_subject_is_numbered_from_one_in_an_epoch_of_its_own() -> None:
    publisher = FakePublisher()
    with a_producer(publisher) as producer:
        for number in range(3):
            producer.publish(FLIGHTS, a_flight(flight=number))
            producer.publish(BOOKINGS, a_booking())
    found = sequences(publisher)
    assert {subject: numbers for (subject, _), numbers in found.items()} == {FLIGHTS: [1, 2, 3], BOOKINGS: [1, 2, 3]}
    assert len({epoch for _, epoch in found}) == 2


def test_without_the_option_there_is_no_number() -> None:
    publisher = FakePublisher()
    with EventProducer(publisher, source="/checkout", contracts=PACKAGE) as producer:
        producer.publish(FLIGHTS, a_flight())
    assert ATTRIBUTE not in publisher.messages[0].attributes


def test_a_refused_event_takes_no_number() -> None:
    publisher = FakePublisher()
    with a_producer(publisher) as producer:
        producer.publish(FLIGHTS, a_flight())
        with pytest.raises(InvalidEventError):
            producer.publish(FLIGHTS, {"flight": "no number"})
        with pytest.raises(ValueError, match="durable"):
            producer.publish(FLIGHTS, a_flight(), durable=True)
        producer.publish(FLIGHTS, a_flight())
    with pytest.raises(ProducerClosedError):
        producer.publish(FLIGHTS, a_flight())
    assert [*sequences(publisher).values()] == [[1, 2]]


def test_a_number_that_the_publisher_does_not_accept_goes_to_the_next_event() -> None:
    publisher = Refusing(2, 3)
    with a_producer(publisher) as producer:
        for number in range(5):
            try:
                producer.publish(FLIGHTS, a_flight(flight=number))
            except ValueError:
                continue
    assert [*sequences(publisher).values()] == [[1, 2, 3]]


def test_threads_take_each_number_once() -> None:
    publisher = Refusing(*range(1, 400, 7))
    producer = a_producer(publisher)

    def publish() -> None:
        for number in range(100):
            try:
                producer.publish(FLIGHTS, a_flight(flight=number))
            except ValueError:
                continue

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in threads:  # each thread may have left a number for the next event
        producer.publish(FLIGHTS, a_flight())
    producer.close()
    (found,) = sequences(publisher).values()
    assert sorted(found) == list(range(1, len(found) + 1))


def test_a_forked_child_begins_a_new_epoch() -> None:
    numbers = EventNumbers()
    before = SequenceNumber.parse(numbers.take(FLIGHTS))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, numbers.take(FLIGHTS).encode())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    inside = SequenceNumber.parse(os.read(reading, 100).decode())
    assert before is not None
    assert inside is not None
    assert (inside.number, inside.epoch == before.epoch) == (1, False)
    assert numbers.take(FLIGHTS) == str(SequenceNumber(before.epoch, 2))


def test_epochs_have_the_time_and_the_chance_that_they_are_given() -> None:
    numbers = EventNumbers(lambda: 1_764_547_200_000, lambda size: b"\x1f\x2e\x3d\x4c"[:size])
    assert numbers.take(FLIGHTS) == "019ad73584001f2e3d4c-0000000000000001"


def test_a_number_of_an_earlier_epoch_is_not_given_again() -> None:
    numbers, earlier = EventNumbers(), EventNumbers()
    for number in (1, 2):
        numbers.give_back(FLIGHTS, earlier.take(FLIGHTS))
        assert numbers.take(FLIGHTS).endswith(f"-000000000000000{number}")


def test_coroutines_number_their_events_too() -> None:
    publisher = FakePublisher()

    async def publish() -> None:
        producer = AsyncEventProducer(publisher, source="/checkout", contracts=PACKAGE, sequence=True)
        async with producer:
            await asyncio.gather(*(producer.publish(FLIGHTS, a_flight(flight=number)) for number in range(20)))

    asyncio.run(publish())
    assert [*sequences(publisher).values()] == [list(range(1, 21))]


def test_an_outbox_keeps_the_number_through_a_resend_in_another_process(tmp_path: Path) -> None:
    file, away, back = tmp_path / "orders.outbox", Broker(), Broker()
    away.is_away = True
    first = a_producer(away, outbox=Outbox(file, max_messages=3))
    for number in range(3):
        first.publish(FLIGHTS, a_flight(flight=number))
    first.close(timeout=0)
    assert away.messages == []
    second = a_producer(back, outbox=Outbox(file))
    second.publish(FLIGHTS, a_flight(flight=9))
    second.close(timeout=SECONDS)
    assert sorted(map(sorted, sequences(back).values())) == [[1], [1, 2, 3]]


def test_an_event_that_a_full_outbox_refuses_leaves_its_number(tmp_path: Path) -> None:
    broker = Broker()
    broker.is_away = True
    producer = a_producer(broker, outbox=Outbox(tmp_path / "orders.outbox", max_messages=2, full_seconds=0.0))
    refused = [_is_refused(lambda: producer.publish(FLIGHTS, a_flight())) for _ in range(4)]
    broker.is_away = False
    producer.flush(SECONDS)
    producer.publish(FLIGHTS, a_flight())
    producer.close(SECONDS)
    (found,) = sequences(broker).values()
    assert any(refused)
    assert sorted(found) == list(range(1, len(found) + 1))


def _is_refused(publish: Callable[[], object]) -> bool:
    try:
        publish()
    except OutboxFullError:
        return True
    return False
