"""Events in flight when a process ends, or forks: waited for once, at most a minute, and reported when lost."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import util

import pytest

from headrace.producers import PublishError, in_flight, process_end
from headrace.producers.in_flight import InFlight
from headrace.producers.transport.batch import Batch
from headrace.producers.transport.lane import Lane
from headrace.producers.transport.limits import Limits

STUCK = "at exit: 1 event is still under way and may arrive yet"


def fork() -> None:
    """Do what a forked child does first."""
    process_end._leave_to_the_parent()
    in_flight._leave_to_the_parent()


@pytest.fixture(autouse=True)
def a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is left by other tests, and nothing for them; an exit waits no longer than a moment."""
    fork()
    monkeypatch.setattr(process_end, "FLUSH_SECONDS", 0.05)
    yield
    fork()


def under_way(count: int = 1) -> tuple[InFlight, list[Future[str]]]:
    """So many events that are not confirmed yet."""
    own, futures = InFlight(), [Future[str]() for _ in range(count)]
    for future in futures:
        own.add(future)
    return own, futures


def failed(*errors: Exception) -> InFlight:
    """Events that each failed with one of *errors*."""
    own, futures = under_way(len(errors))
    for future, error in zip(futures, errors, strict=True):
        future.set_exception(error)
    return own


def test_an_event_is_waited_for_at_exit(caplog: pytest.LogCaptureFixture) -> None:
    _, (future,) = under_way()
    process_end.wait()
    assert caplog.messages == [STUCK]
    future.set_result("1")


def test_nothing_is_lost_that_is_confirmed_while_an_exit_waits(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_end, "FLUSH_SECONDS", 10)
    _, (future,) = under_way()
    thread = threading.Timer(0.05, future.set_result, ["1"])
    thread.start()
    process_end.wait()
    assert future.done()
    assert caplog.messages == []
    thread.join()


def test_an_exit_says_once_what_was_lost_though_two_hooks_ask(caplog: pytest.LogCaptureFixture) -> None:
    _, futures = under_way(2)
    process_end.wait()
    process_end.wait()
    assert caplog.messages == ["at exit: 2 events are still under way and may arrive yet"]
    assert not any(future.done() for future in futures)


def test_an_exit_waits_for_the_rest_though_one_is_confirmed(caplog: pytest.LogCaptureFixture) -> None:
    _, (first, _) = under_way(2)
    first.set_result("1")
    process_end.wait()
    assert caplog.messages == [STUCK]


def test_an_exit_reports_a_failure_that_no_flush_has_reported(caplog: pytest.LogCaptureFixture) -> None:
    own = failed(RuntimeError("no broker"))
    process_end.wait()
    assert caplog.messages == [
        "at exit: 1 event was not published (RuntimeError); publish what failed again, with the same ids"
    ]
    own.wait(0)


def test_nothing_waits_for_an_event_before_the_process_ends(caplog: pytest.LogCaptureFixture) -> None:
    under_way()
    assert caplog.messages == []


def test_an_event_of_a_hook_that_runs_after_ours_is_waited_for_at_once(caplog: pytest.LogCaptureFixture) -> None:
    process_end.wait()
    under_way()
    assert caplog.messages == [STUCK]


def test_every_failure_is_counted_and_the_first_is_named() -> None:
    own = failed(LookupError("one"), RuntimeError("two"), RuntimeError("three"))
    with pytest.raises(PublishError, match=r"^3 events were not published \(LookupError\)") as raised:
        own.wait(0)
    assert isinstance(raised.value.__cause__, LookupError)
    own.wait(0)


def test_a_cancelled_event_is_one_that_failed() -> None:
    own, (future,) = under_way()
    future.cancel()
    with pytest.raises(PublishError, match=r"^1 event was not published \(CancelledError\)"):
        own.wait(0)


def test_an_event_is_kept_until_it_is_confirmed() -> None:
    own, (future,) = under_way()
    kept = weakref.ref(own)
    del own
    assert kept() is not None
    future.set_result("1")
    del future
    assert kept() is None


def test_a_failure_is_kept_until_it_is_reported() -> None:
    own = failed(RuntimeError("no broker"))
    kept = weakref.ref(own)
    assert kept() is not None
    with contextlib.suppress(PublishError):
        own.wait(0)
    del own
    assert kept() is None


def test_what_is_confirmed_is_not_held_any_longer() -> None:
    own, futures = under_way(3)
    held = [weakref.ref(future) for future in futures]
    while futures:
        futures.pop().set_result("1")
    assert [each() for each in held] == [None] * 3
    own.wait(0)


def test_a_child_has_no_events_in_flight_and_no_failures(caplog: pytest.LogCaptureFixture) -> None:
    own, (failing, _) = under_way(2)
    failing.set_exception(RuntimeError("no broker"))
    fork()
    own.wait(0)
    process_end.wait()
    assert caplog.messages == []


def test_a_child_does_not_wait_for_a_lock_that_a_thread_of_its_parent_holds() -> None:
    own, _ = under_way()
    with own._lock:
        fork()
        own.add(Future())
    with pytest.raises(TimeoutError, match="1 event is still"):
        own.wait(0)


def test_a_child_lets_go_of_what_its_parent_keeps_until_it_is_confirmed() -> None:
    own, futures = under_way()
    kept = weakref.ref(own)
    fork()
    del own
    futures.clear()
    assert kept() is None


def test_a_child_of_a_process_that_is_ending_is_not_ending_itself(caplog: pytest.LogCaptureFixture) -> None:
    process_end.wait()
    fork()
    under_way()
    assert caplog.messages == []


def test_a_child_of_multiprocessing_waits_among_what_it_does_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    registry = util._finalizer_registry  # type: ignore[attr-defined]
    before = set(registry)
    process_end._wait_when_a_child_ends(None)
    under_way()
    for key in set(registry) - before:
        registry[key]()
    assert caplog.messages == [STUCK]


def test_a_wait_reports_every_failure_although_a_future_is_settled_before_it_is_counted() -> None:
    """The outcome is known to those who ask before the functions are called that count it."""
    own = InFlight()
    batch = Batch(Lane("projects/p/topics/t", "", Limits()))
    for _ in range(3):
        own.add(batch.add(b""))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(own.wait, 30)
        batch.fail(RuntimeError("no broker"))
        with pytest.raises(TimeoutError):
            waiting.exception(0.1)
        batch.run_callbacks()
        assert str(waiting.exception(30)).startswith("3 events were not published")
