"""A producer for coroutines: accepted, confirmed, cancelled, flushed and closed without blocking the event loop."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.producers import (
    AsyncEventProducer,
    InvalidEventError,
    MessageTooLargeError,
    ProducerClosedError,
    PublishError,
    PubSubPublisher,
)
from headrace.producers.event_messages import EventMessage
from headrace.producers.testing import FakePublisher
from headrace.producers.transport.publish_calls import message_part
from tests.support.builders import PACKAGE, a_flight
from tests.support.publish_server import PublishServer

SUBJECT = "flight_departed"
SECONDS = 30.0


class Held(FakePublisher):
    """A publisher that confirms when the test calls it, from another thread."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Future[str]] = []

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        super().publish(subject, data, attributes, ordering_key)
        self.held.append(Future())
        return self.held[-1]

    def confirm(self, count: int) -> None:
        first, self.held = self.held[:count], self.held[count:]
        with ThreadPoolExecutor(1) as thread:
            for future in first:
                thread.submit(future.set_result, "id")

    def fail_all(self, error: Exception) -> None:
        for future in self.held:
            future.set_exception(error)
        self.held.clear()


def a_producer(publisher: Any, **settings: Any) -> AsyncEventProducer:
    return AsyncEventProducer(publisher, source="/checkout", contracts=PACKAGE, **settings)


def test_an_event_arrives_as_it_was_given() -> None:
    fake = FakePublisher()

    async def main() -> str:
        async with a_producer(fake) as producer:
            return await (await producer.publish(SUBJECT, a_flight()))

    assert asyncio.run(main()) == "1"
    assert fake.events(SUBJECT, PACKAGE) == [a_flight()]
    assert fake.closed


def test_a_thousand_events_of_many_tasks_are_confirmed_by_pub_sub(pubsub: PublishServer) -> None:
    async def main() -> set[str]:
        async with a_producer(
            PubSubPublisher("travel", max_outstanding_messages=100), max_outstanding_messages=100
        ) as one:

            async def publish(number: int) -> str:
                return await (await one.publish(SUBJECT, a_flight(flight=number)))

            return set(await asyncio.gather(*(publish(number) for number in range(1_000))))

    assert len(asyncio.run(main())) == 1_000
    assert len(pubsub.messages) == 1_000


def test_there_is_no_thread_for_an_event(pubsub: PublishServer) -> None:
    async def main() -> int:
        async with a_producer(PubSubPublisher("travel")) as producer:
            await (await producer.publish(SUBJECT, a_flight()))
            before = threading.active_count()
            for _ in range(500):
                await producer.publish(SUBJECT, a_flight())
            return threading.active_count() - before

    assert asyncio.run(main()) <= 1


def test_the_loop_runs_on_while_events_wait_for_room() -> None:
    held = Held()

    async def main() -> list[str]:
        seen: list[str] = []
        async with a_producer(held, max_outstanding_messages=2) as producer:
            for _ in range(2):
                await producer.publish(SUBJECT, a_flight())
            third = asyncio.create_task(producer.publish(SUBJECT, a_flight()))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            seen.append(f"{len(held.messages)} accepted")
            held.confirm(1)
            await third
            seen.append(f"{len(held.messages)} accepted")
            held.confirm(2)
        return seen

    assert asyncio.run(main()) == ["2 accepted", "3 accepted"]


def test_events_that_wait_for_room_are_accepted_in_their_order() -> None:
    held = Held()

    async def main() -> list[int]:
        async with a_producer(held, max_outstanding_messages=1) as producer:
            tasks = [asyncio.create_task(producer.publish(SUBJECT, a_flight(flight=each))) for each in range(5)]
            for _ in range(5):
                while not held.held:
                    await asyncio.sleep(0)
                held.confirm(1)
            await asyncio.gather(*tasks)
        return [event["flight"] for event in held.events(SUBJECT, PACKAGE)]

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]


def test_an_event_that_is_cancelled_while_it_waits_is_not_accepted_and_takes_no_room() -> None:
    held = Held()

    async def main() -> None:
        async with a_producer(held, max_outstanding_messages=1) as producer:
            await producer.publish(SUBJECT, a_flight(flight=1))
            waiting = [asyncio.create_task(producer.publish(SUBJECT, a_flight(flight=each))) for each in (2, 3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            await asyncio.wait([waiting[0]])
            held.confirm(1)
            await waiting[1]
            held.confirm(1)
            await producer.flush(SECONDS)

    asyncio.run(main())
    assert [event["flight"] for event in held.events(SUBJECT, PACKAGE)] == [1, 3]


def test_an_event_that_is_cancelled_in_the_moment_of_its_turn_gives_its_room_back() -> None:
    held = Held()

    async def main() -> None:
        async with a_producer(held, max_outstanding_messages=1) as producer:
            await producer.publish(SUBJECT, a_flight(flight=1))
            waiting = asyncio.create_task(producer.publish(SUBJECT, a_flight(flight=2)))
            await asyncio.sleep(0)
            producer._room.release(producer._core.make(SUBJECT, a_flight(flight=1), "a", None).size)
            waiting.cancel()
            await asyncio.wait([waiting])
            await asyncio.wait_for(producer.publish(SUBJECT, a_flight(flight=3)), SECONDS)
            held.confirm(2)

    asyncio.run(main())
    assert [event["flight"] for event in held.events(SUBJECT, PACKAGE)] == [1, 3]


def test_to_cancel_a_future_leaves_the_event_on_its_way() -> None:
    held = Held()

    async def main() -> int:
        async with a_producer(held) as producer:
            future = await producer.publish(SUBJECT, a_flight())
            future.cancel()
            flushed = asyncio.create_task(producer.flush(SECONDS))
            await asyncio.sleep(0)
            assert not flushed.done()
            held.confirm(1)
            await flushed
            return producer.stats().confirmed

    assert asyncio.run(main()) == 1


def test_a_flush_waits_for_what_was_accepted_before_it_and_no_longer() -> None:
    held = Held()

    async def main() -> bool:
        producer = a_producer(held)
        await producer.publish(SUBJECT, a_flight())
        flushed = asyncio.create_task(producer.flush(SECONDS))
        await asyncio.sleep(0)
        later = await producer.publish(SUBJECT, a_flight())
        held.confirm(1)
        await flushed
        was_done = later.done()
        held.confirm(1)
        return was_done

    assert asyncio.run(main()) is False


def test_a_flush_reports_what_is_late_and_what_failed() -> None:
    held = Held()

    async def main() -> None:
        producer = a_producer(held)
        await producer.flush(0)
        futures = [await producer.publish(SUBJECT, a_flight()) for _ in range(2)]
        with pytest.raises(TimeoutError, match="2 events are still under way and may arrive yet"):
            await producer.flush(0.01)
        held.fail_all(RuntimeError("no broker"))
        with pytest.raises(PublishError, match=r"2 events were not published \(RuntimeError\)"):
            await producer.close()
        assert [type(future.exception()) for future in futures] == [RuntimeError] * 2
        with pytest.raises(ProducerClosedError):
            await producer.publish(SUBJECT, a_flight())

    asyncio.run(main())
    assert held.closed


def test_an_event_that_does_not_fit_takes_no_room() -> None:
    async def main() -> None:
        async with a_producer(FakePublisher(), max_outstanding_messages=1) as producer:
            for _ in range(3):
                with pytest.raises(InvalidEventError):
                    await producer.publish(SUBJECT, {})
            await producer.publish(SUBJECT, a_flight())
            assert producer.stats().refused == 3

    asyncio.run(main())


def test_an_event_larger_than_all_room_is_refused() -> None:
    async def main() -> None:
        async with a_producer(FakePublisher(), max_outstanding_bytes=10) as producer:
            await producer.publish(SUBJECT, a_flight())

    with pytest.raises(MessageTooLargeError):
        asyncio.run(main())


def test_a_publisher_that_raises_gives_the_room_back() -> None:
    class Refusing(FakePublisher):
        def publish(self, *message: Any) -> Future[str]:
            raise MessageTooLargeError("larger than the publisher may hold")

    async def main() -> None:
        async with a_producer(Refusing(), max_outstanding_messages=1) as producer:
            for _ in range(3):
                with pytest.raises(MessageTooLargeError):
                    await asyncio.wait_for(producer.publish(SUBJECT, a_flight()), SECONDS)

    asyncio.run(main())


def test_one_producer_serves_one_loop_after_another() -> None:
    held = Held()
    producer = a_producer(held, max_outstanding_messages=1)

    async def abandon() -> None:
        await producer.publish(SUBJECT, a_flight(flight=1))

    async def go_on() -> str:
        waiting = asyncio.create_task(producer.publish(SUBJECT, a_flight(flight=2)))
        await asyncio.sleep(0)
        held.confirm(1)
        future = await asyncio.wait_for(waiting, SECONDS)
        held.confirm(1)
        return await future

    asyncio.run(abandon())
    assert asyncio.run(go_on()) == "id"


def test_one_producer_does_not_serve_two_loops_at_a_time() -> None:
    producer = a_producer(FakePublisher())

    async def first() -> None:
        await producer.publish(SUBJECT, a_flight())
        with pytest.raises(RuntimeError, match="make one for each loop"):
            await asyncio.to_thread(lambda: asyncio.run(second()))

    async def second() -> None:
        await producer.publish(SUBJECT, a_flight())

    asyncio.run(first())


def test_a_loop_that_goes_on_after_another_took_its_events_over_gives_their_room_back_once() -> None:
    publisher = Held()
    producer = a_producer(publisher, max_outstanding_messages=1)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        first.run_until_complete(producer.publish(SUBJECT, a_flight(flight=1)))

        async def go_on() -> None:
            flushed = asyncio.create_task(producer.flush(SECONDS))
            await asyncio.sleep(0)
            publisher.confirm(1)
            await flushed

        second.run_until_complete(go_on())
        first.run_until_complete(asyncio.sleep(0))
        assert (producer._room._room.messages, producer._room._room.bytes) == (0, 0)
    finally:
        first.close()
        second.close()


def test_a_coroutine_that_ends_with_its_loop_gives_its_turn_to_the_next() -> None:
    publisher = Held()
    producer = a_producer(publisher, max_outstanding_messages=1)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(producer.publish(SUBJECT, a_flight(flight=1)))
        dropped = producer.publish(SUBJECT, a_flight(flight=2))

        async def begin() -> None:
            dropped.send(None)

        loop.run_until_complete(begin())
        dropped.close()

        async def go_on() -> None:
            waiting = asyncio.create_task(producer.publish(SUBJECT, a_flight(flight=3)))
            await asyncio.sleep(0)
            publisher.confirm(1)
            await asyncio.wait_for(waiting, SECONDS)

        loop.run_until_complete(go_on())
    finally:
        loop.close()
    publisher.confirm(1)


def test_a_flush_that_is_cancelled_is_forgotten() -> None:
    publisher = Held()

    async def main() -> int:
        producer = a_producer(publisher)
        await producer.publish(SUBJECT, a_flight())
        flushed = asyncio.create_task(producer.flush())
        await asyncio.sleep(0)
        flushed.cancel()
        await asyncio.wait([flushed])
        publisher.confirm(1)
        return len(producer._bridge_here()._flushes)

    assert asyncio.run(main()) == 0


def test_an_event_that_waits_for_room_while_the_producer_is_closed_is_refused() -> None:
    publisher = Held()

    async def main() -> None:
        producer = a_producer(publisher, max_outstanding_messages=1)
        await producer.publish(SUBJECT, a_flight(flight=1))
        waiting = asyncio.create_task(producer.publish(SUBJECT, a_flight(flight=2)))
        closing = asyncio.create_task(producer.close(SECONDS))
        await asyncio.sleep(0)
        publisher.confirm(1)
        with pytest.raises(ProducerClosedError):
            await asyncio.wait_for(waiting, SECONDS)
        await closing

    asyncio.run(main())
    assert len(publisher.messages) == 1


@given(
    st.binary(max_size=300),
    st.dictionaries(st.text(max_size=40), st.text(max_size=200), max_size=8),
    st.text(max_size=100),
)
def test_a_message_is_never_larger_than_the_room_that_it_takes(
    data: bytes, attributes: dict[str, str], key: str
) -> None:
    assert len(message_part(data, attributes, key)) <= EventMessage(SUBJECT, data, attributes, key).size


def test_the_loop_is_not_blocked_by_large_events_during_an_outage(pubsub: PublishServer) -> None:
    """The room of the publisher is as large as the producer's: a request is larger than what an event holds."""
    pubsub.gate.clear()
    limits = {"max_outstanding_bytes": 100_000}

    async def main() -> None:
        producer = a_producer(PubSubPublisher("travel", **limits), **limits)  # type: ignore[arg-type]
        tasks = [asyncio.create_task(producer.publish(SUBJECT, a_flight())) for _ in range(1_000)]
        done, _ = await asyncio.wait(tasks, timeout=0.5)
        assert 0 < len(done) < 1_000
        pubsub.gate.set()
        await asyncio.gather(*tasks)
        await producer.close(SECONDS)

    watchdog = threading.Timer(SECONDS, pubsub.gate.set)
    watchdog.start()
    started = time.monotonic()
    asyncio.run(main())
    watchdog.cancel()
    assert time.monotonic() - started < SECONDS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_starts_without_the_events_and_the_loop_of_its_parent() -> None:
    publisher = Held()
    producer = a_producer(publisher, max_outstanding_messages=1)

    async def begin() -> None:
        await producer.publish(SUBJECT, a_flight())

    async def in_the_child() -> str:
        publisher.held.clear()
        future = await asyncio.wait_for(producer.publish(SUBJECT, a_flight()), SECONDS)
        publisher.held[0].set_result("of the child")
        await producer.flush(SECONDS)
        return await future

    asyncio.run(begin())
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if asyncio.run(in_the_child()) == "of the child" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    publisher.confirm(1)
