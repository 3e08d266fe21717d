"""What the dispatcher does when requests, threads and functions behave as badly as they can. Nothing is sent here."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.producers import ProducerClosedError
from headrace.producers.transport.dispatcher import Dispatcher
from headrace.producers.transport.limits import MAX_REQUESTS, Limits
from headrace.producers.transport.publish_calls import _Request, message_part
from headrace.producers.transport.scheduler import Scheduler
from tests.support.waiting import wait_until

TOPIC = "projects/p/topics/t"
SECONDS = 30.0
SLOW = 10.0


class ScriptedReply:
    def __init__(self, code: grpc.StatusCode, ids: Sequence[str] = ()) -> None:
        self.code = code
        self.cause = code.name
        self._ids = ids

    def message_ids(self) -> Sequence[str]:
        return self._ids

    def error(self) -> Exception:
        return ConnectionError(self.code.name)


class ScriptedCalls:
    """Requests that end when the test says so; with *at_once*, each has ended when ``begin`` returns."""

    def __init__(self, at_once: grpc.StatusCode | None = None) -> None:
        self.under_way: list[tuple[list[bytes], Callable[[Any], None]]] = []
        self.sent: list[list[bytes]] = []
        self.before: list[BaseException] = []  # raised by a begin, which sends nothing
        self.threads: list[threading.Thread] = []
        self.at_once = at_once
        self.is_closed = False

    def begin(self, topic: str, request: bytes, seconds: float, done: Callable[[Any], None]) -> None:
        self.threads.append(threading.current_thread())
        if self.before:
            raise self.before.pop()
        data = [each.data for each in _Request.FromString(request).messages]
        self.sent.append(data)
        self.under_way.append((data, done))
        if self.at_once is not None:
            self.end(code=self.at_once)

    def end(self, place: int = 0, code: grpc.StatusCode = grpc.StatusCode.OK) -> None:
        data, done = self.under_way.pop(place)
        done(ScriptedReply(code, [each.decode() for each in data] if code is grpc.StatusCode.OK else ()))

    def close(self) -> None:
        self.is_closed = True


class ScriptedScheduler:
    """Calls what is due when the test says so, whatever the time."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.is_closed = False

    def at(self, when: float, call: Callable[[], None]) -> None:
        self.due.append((when, call))

    def run(self) -> None:
        """Call everything."""
        while self.due:
            self.due.pop(0)[1]()

    def run_due(self) -> None:
        """Call what is due already."""
        while now := [each for each in self.due if each[0] <= time.monotonic()]:
            for each in now:
                self.due.remove(each)
                each[1]()

    def close(self) -> None:
        self.is_closed = True


class Scripted:
    """A dispatcher whose requests and whose time are the test's."""

    def __init__(self, calls: ScriptedCalls | None = None, **limits: Any) -> None:
        self.calls = calls or ScriptedCalls()
        self.scheduler = ScriptedScheduler()
        given: Any = self.calls, Limits(**limits)
        scheduler: Any = self.scheduler
        self.dispatcher = Dispatcher(*given, endless=False, draw=random.Random(1), scheduler=scheduler)

    def add(self, data: str, key: str = "") -> Future[str]:
        future = self.dispatcher.add(TOPIC, message_part(data.encode(), {}, key), key)
        self.scheduler.run_due()
        return future

    def settle_all(self) -> None:
        while self.scheduler.due or self.calls.under_way:
            self.scheduler.run()
            while self.calls.under_way:
                self.calls.end()


@pytest.fixture
def real() -> Iterator[Callable[..., tuple[Dispatcher, ScriptedCalls]]]:
    """Make dispatchers with a real thread."""
    schedulers = []

    def make(calls: ScriptedCalls | None = None, **limits: Any) -> tuple[Dispatcher, ScriptedCalls]:
        calls = calls or ScriptedCalls()
        schedulers.append(Scheduler())
        given: Any = calls
        return Dispatcher(given, Limits(**limits), endless=False, scheduler=schedulers[-1]), calls

    yield make
    for each in schedulers:
        each.close()


def a_part(data: bytes = b"1", key: str = "") -> bytes:
    return message_part(data, {}, key)


# Requests


def test_many_requests_that_end_at_once_need_no_deep_stack() -> None:
    calls = ScriptedCalls()
    one = Scripted(calls, batch_messages=1)
    futures = [one.add(str(number)) for number in range(3_000)]
    calls.at_once = grpc.StatusCode.OK
    for _ in range(MAX_REQUESTS):
        calls.end()
    one.settle_all()
    assert [future.result(0) for future in futures] == [str(number) for number in range(3_000)]


@pytest.mark.parametrize("error", [ValueError("Cannot invoke RPC on closed channel!"), RuntimeError("no thread")])
@pytest.mark.parametrize("key", ["", "EWR"])
def test_a_request_that_cannot_begin_fails_its_messages_and_no_other(error: Exception, key: str) -> None:
    one = Scripted(batch_messages=1)
    one.calls.before.append(error)
    first = one.add("1", key)
    one.scheduler.run()
    second = one.add("2", key)
    one.settle_all()
    assert first.exception(0) is error
    assert second.result(0) == "2"


def test_requests_begin_in_one_thread_of_our_own(real: Callable[..., tuple[Dispatcher, ScriptedCalls]]) -> None:
    """A signal that interrupts an application's thread inside gRPC would leave gRPC locked for ever."""
    dispatcher, calls = real(batch_messages=1)
    dispatcher.add(TOPIC, a_part(), "")
    dispatcher.flush()
    wait_until(lambda: len(calls.threads) == 1)
    assert {each.name for each in calls.threads} == {"headrace-publisher"}


def test_an_answer_that_makes_no_sense_fails_its_messages() -> None:
    one = Scripted(batch_messages=2)
    futures = [one.add("1"), one.add("2")]
    data, done = one.calls.under_way.pop()
    with pytest.raises(RuntimeError):
        done(ScriptedReply(grpc.StatusCode.OK, ["1"]))
    assert [str(future.exception(0)) for future in futures] == ["Pub/Sub confirmed 1 of 2 messages"] * 2
    assert data == [b"1", b"2"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.sampled_from(["", "a", "b"])),
            st.tuples(
                st.just("end"),
                st.sampled_from(["OK", "UNAVAILABLE", "INVALID_ARGUMENT", "NOT_FOUND", "DEADLINE_EXCEEDED"]),
            ),
            st.tuples(st.sampled_from(["run", "flush"]), st.just("")),
        ),
        max_size=60,
    ),
    st.integers(1, 4),
)
def test_whatever_happens_every_future_is_settled_and_every_key_keeps_its_order(
    steps: list[tuple[str, str]], batch_messages: int
) -> None:
    one = Scripted(batch_messages=batch_messages)
    futures: list[tuple[str, str, Future[str]]] = []
    for step, what in steps:
        if step == "add":
            data = str(len(futures))
            futures.append((what, data, one.add(data, what)))
        elif step == "end" and one.calls.under_way:
            one.calls.end(code=grpc.StatusCode[what])
        elif step == "run":
            one.scheduler.run()
        elif step == "flush":
            one.dispatcher.flush()
            one.scheduler.run_due()
    one.dispatcher.close()
    one.settle_all()
    assert all(future.done() for _, _, future in futures)
    assert (one.calls.is_closed, one.scheduler.is_closed) == (True, True)
    assert (one.dispatcher._room.messages, one.dispatcher._room.bytes) == (0, 0)
    arrived = [data.decode() for request in one.calls.sent for data in request]
    for key in ("a", "b"):
        first = list(dict.fromkeys(each for each in arrived if (key, each) in {(k, d) for k, d, _ in futures}))
        assert first == sorted(first, key=int)


# Functions that a future calls


def test_functions_of_messages_that_fail_together_are_called_in_their_order() -> None:
    one = Scripted(batch_messages=2)
    seen: list[int] = []
    for number in range(6):
        one.add(str(number), "EWR").add_done_callback(lambda _, number=number: seen.append(number))  # type: ignore[misc]
    one.calls.end(code=grpc.StatusCode.NOT_FOUND)
    assert seen == list(range(6)), "one that publishes what failed again keeps the order"


def test_functions_that_publish_what_failed_keep_its_order() -> None:
    one = Scripted(batch_messages=2)
    for number in range(6):
        again = str(number)
        one.add(again, "EWR").add_done_callback(lambda _, again=again: one.add(again, "EWR"))  # type: ignore[misc]
    one.calls.end(code=grpc.StatusCode.NOT_FOUND)
    one.settle_all()
    assert [data for request in one.calls.sent[1:] for data in request] == [b"0", b"1", b"2", b"3", b"4", b"5"]


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt, ValueError])
def test_a_function_that_raises_leaves_the_room_and_the_key_as_they_should_be(end: type[BaseException]) -> None:
    one = Scripted(batch_messages=1, outstanding_messages=1)

    def leave(_: Future[str]) -> None:
        raise end

    for number in range(5):
        one.add(str(number), "EWR").add_done_callback(leave)
        one.calls.end()
    one.dispatcher.close()
    one.settle_all()
    assert one.calls.is_closed


def test_a_function_may_publish_flush_and_close() -> None:
    one = Scripted(batch_messages=1, outstanding_messages=1)
    more: list[Future[str]] = []

    def do_all(_: Future[str]) -> None:
        more.extend([one.add("2"), one.add("3")])
        one.dispatcher.flush()
        one.dispatcher.close()

    one.add("1").add_done_callback(do_all)
    one.calls.end()
    one.settle_all()
    assert [future.result(0) for future in more] == ["2", "3"]
    assert one.calls.is_closed
    with pytest.raises(ProducerClosedError):
        one.add("4")


def test_room_is_there_when_a_function_learns_that_its_message_is_settled() -> None:
    """Its thread may let another one publish, which then does not have to wait."""
    one = Scripted(batch_messages=1, outstanding_messages=1)
    with ThreadPoolExecutor(1) as threads:
        seen: list[Future[str]] = []
        first = one.add("1")
        first.add_done_callback(lambda _: seen.append(threads.submit(one.add, "2").result(SECONDS)))
        one.calls.end()
    one.settle_all()
    assert seen[0].result(0) == "2"


# Limits and memory


def test_a_message_that_cannot_be_added_takes_no_room() -> None:
    one = Scripted(batch_messages=1, outstanding_messages=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="surrogate"):
            one.dispatcher.add("projects/p/topics/\ud800", a_part(), "")
    future = one.add("1")
    one.settle_all()
    assert future.result(0) == "1"


def test_a_batch_that_is_settled_is_not_kept_until_its_time_has_passed(
    real: Callable[..., tuple[Dispatcher, ScriptedCalls]],
) -> None:
    dispatcher, calls = real(batch_messages=2, batch_seconds=SLOW)
    futures = [dispatcher.add(TOPIC, a_part(), "") for _ in range(2)]
    batches = [weakref.ref(future) for future in futures]
    wait_until(lambda: len(calls.under_way) == 1)
    calls.end()
    del futures
    gc.collect()
    wait_until(lambda: [each() for each in batches] == [None, None], SLOW / 4)


def test_keys_that_are_used_once_leave_nothing_behind() -> None:
    one = Scripted(outstanding_messages=100)
    for number in range(1_000):
        one.add("1", str(number))
        if number % 100 == 99:
            one.settle_all()
    assert not one.dispatcher._lanes
    assert not one.dispatcher._filling


def test_threads_that_wait_for_room_ask_once_for_what_is_not_full_to_be_sent() -> None:
    one = Scripted(outstanding_messages=1, batch_seconds=SLOW)
    first = one.add("1")
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(one.add, "2") for _ in range(8)]
        wait_until(lambda: len(one.dispatcher._released._waiters) == 8)  # type: ignore[attr-defined]
        assert len(one.scheduler.due) == 2, "the first batch's time, and one flush"
        one.dispatcher.close()
        assert [type(each.exception(SECONDS)) for each in waiting] == [ProducerClosedError] * 8
    one.settle_all()
    assert first.result(0) == "1"


# The thread


def test_a_call_that_raises_does_not_end_the_thread() -> None:
    scheduler, called = Scheduler(), threading.Event()
    scheduler.at(0, lambda: 1 / 0)  # type: ignore[arg-type]
    scheduler.at(0, called.set)
    assert called.wait(SECONDS)
    scheduler.close()


def test_a_thread_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler, called = Scheduler(), threading.Event()

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError):
            scheduler.at(0, called.set)
    scheduler.at(0, lambda: None)
    assert called.wait(SECONDS)
    scheduler.close()


def test_a_thread_that_ends_when_idle_misses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.producers.transport.scheduler.IDLE_SECONDS", 0.0005)
    scheduler, count = Scheduler(), 500
    calls = [threading.Event() for _ in range(count)]
    chance = random.Random(1)
    for each in calls:
        scheduler.at(time.monotonic() + chance.uniform(0, 0.002), each.set)
        time.sleep(chance.choice([0, 0.0005, 0.001]))
    assert all(each.wait(SECONDS) for each in calls)
    scheduler.close()
