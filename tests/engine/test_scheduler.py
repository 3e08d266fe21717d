"""Tasks on few threads: what runs beside what, what wakes a task, and which threads are left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from headrace.engine import task_steps
from headrace.engine.scheduler import Scheduler
from headrace.engine.task_steps import Steps, Wake, pausing
from tests.support.jobs import wait_for
from tests.support.pulls import Clock

WAIT = 10.0


@contextmanager
def a_scheduler(at_once: int = 2) -> Iterator[Scheduler]:
    with Scheduler("tasks", at_once) as scheduler:
        yield scheduler
        assert scheduler.wait(WAIT), "every task ends"


class Log:
    """What tasks have done, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def task(self, name: str, *waits: float | None) -> Steps[None]:
        for number, wait in enumerate(waits):
            self.done.append(f"{name}{number}")
            yield wait
        self.done.append(f"{name} ends")


def test_a_task_goes_on_when_it_is_woken() -> None:
    log = Log()
    with a_scheduler() as scheduler:
        wake = scheduler.spawn(lambda wake: log.task("a", None, None))
        for number in range(2):
            wait_for(lambda number=number: len(log.done) == number + 1)  # type: ignore[misc]
            wake()
    assert log.done == ["a0", "a1", "a ends"]


def test_what_wakes_a_task_while_it_works_is_not_lost() -> None:
    #  task: |-- works --| yields, |- works -|
    #  other:    wakes it
    woken, seen = threading.Event(), []

    def steps(wake: Wake) -> Steps[None]:
        seen.append("works")
        assert woken.wait(WAIT)
        yield None
        seen.append("works again")

    with a_scheduler() as scheduler:
        wake = scheduler.spawn(steps)
        wait_for(lambda: bool(seen))
        wake()
        woken.set()
    assert seen == ["works", "works again"]


def test_a_task_continues_after_the_seconds_that_it_yields() -> None:
    log = Log()
    with a_scheduler() as scheduler:
        scheduler.spawn(lambda wake: log.task("a", 0.01, 0.02))
    assert log.done == ["a0", "a1", "a ends"]


def test_tasks_that_let_others_go_first_take_turns() -> None:
    log, all_there = Log(), threading.Event()

    def first(wake: Wake) -> Steps[None]:
        assert all_there.wait(WAIT)
        yield from log.task("a", 0.0, 0.0)

    with a_scheduler(1) as scheduler:
        scheduler.spawn(first)
        scheduler.spawn(lambda wake: log.task("b", 0.0, 0.0))
        all_there.set()
    assert log.done == ["a0", "b0", "a1", "b1", "a ends", "b ends"]


def test_no_more_than_so_many_work_at_once() -> None:
    at_once, most, lock, barrier = 0, 0, threading.Lock(), threading.Barrier(3)

    def steps(wake: Wake) -> Steps[None]:
        nonlocal at_once, most
        for _ in range(3):
            with lock:
                at_once += 1
                most = max(most, at_once)
            barrier.wait(WAIT)
            with lock:
                at_once -= 1
            yield 0.0

    with a_scheduler(3) as scheduler:
        for _ in range(6):
            scheduler.spawn(steps)
    assert most == 3


def test_a_task_that_waits_in_the_middle_of_its_work_makes_room() -> None:
    #  a: |- works -| makes room, waits until b has worked |- works -|
    other_worked = threading.Event()

    with a_scheduler(1) as scheduler:

        def waits(wake: Wake) -> Steps[None]:
            scheduler.make_room()
            assert other_worked.wait(WAIT)
            scheduler.make_room()
            yield 0.0

        def works(wake: Wake) -> Steps[None]:
            other_worked.set()
            yield 0.0

        scheduler.spawn(waits)
        scheduler.spawn(works)


def test_room_is_made_once_in_a_turn_and_asked_for_again_in_the_next() -> None:
    at_work, most, lock = 0, 0, threading.Lock()

    with a_scheduler(1) as scheduler:

        def makes_room_twice(wake: Wake) -> Steps[None]:
            scheduler.make_room()
            scheduler.make_room()
            yield 0.0

        def counts(wake: Wake) -> Steps[None]:
            nonlocal at_work, most
            for _ in range(20):
                with lock:
                    at_work += 1
                    most = max(most, at_work)
                threading.Event().wait(0.001)
                with lock:
                    at_work -= 1
                yield 0.0

        scheduler.spawn(makes_room_twice)
        wait_for(lambda: not scheduler._tasks)
        for _ in range(3):
            scheduler.spawn(counts)
    assert most == 1


def test_many_tasks_that_wait_hold_no_more_threads_than_work_at_once() -> None:
    log, before = Log(), threading.active_count()
    with a_scheduler(3) as scheduler:
        for _ in range(200):
            scheduler.spawn(lambda wake: log.task("a", None))
        wait_for(lambda: len(log.done) == 200)
        assert threading.active_count() <= before + 3 + 1
        scheduler.wake_all()
    wait_for(lambda: threading.active_count() <= before)


def test_waking_a_task_after_all_is_over_does_nothing() -> None:
    with a_scheduler() as scheduler:
        wake = scheduler.spawn(lambda wake: Log().task("a", 0.0))
        assert scheduler.wait(WAIT)
        wake()
    wake()


def test_leaving_a_scheduler_gives_no_further_turn_to_tasks_that_wait() -> None:
    log, before = Log(), threading.active_count()
    with Scheduler("tasks", 1) as scheduler:
        wake = scheduler.spawn(lambda wake: log.task("a", None))
        wait_for(lambda: log.done == ["a0"])
    wake()
    assert log.done == ["a0"]
    wait_for(lambda: threading.active_count() <= before)


def test_leaving_a_scheduler_waits_for_what_is_being_done() -> None:
    works, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def steps(wake: Wake) -> Steps[None]:
        works.set()
        assert may_end.wait(WAIT)
        ended.set()
        yield None

    with Scheduler("tasks", 1) as scheduler:
        scheduler.spawn(steps)
        assert works.wait(WAIT)
        threading.Timer(0.1, may_end.set).start()
    assert ended.is_set()


def test_a_task_that_fails_is_over_and_the_others_go_on() -> None:
    log = Log()

    def fails(wake: Wake) -> Steps[None]:
        yield 0.0
        raise ValueError("no")

    with Scheduler("tasks", 1) as scheduler:
        scheduler.spawn(fails)
        scheduler.spawn(lambda wake: log.task("b", 0.0, 0.01))
        wait_for(lambda: log.done[-1:] == ["b ends"])
        with pytest.raises(ValueError, match="no"):
            scheduler.wait(WAIT)


def test_a_pause_ends_when_stopped_and_not_when_woken() -> None:
    stop, ended = threading.Event(), []

    def steps(wake: Wake) -> Steps[None]:
        ended.append((yield from pausing(60.0, stop)))

    with a_scheduler() as scheduler:
        wake = scheduler.spawn(steps)
        wake()
        assert not scheduler.wait(0.05)
        stop.set()
        wake()
    assert ended == [True]


def test_a_pause_lasts_as_long_as_it_should() -> None:
    ended = []

    def steps(wake: Wake) -> Steps[None]:
        ended.append((yield from pausing(0.02, threading.Event())))

    with a_scheduler() as scheduler:
        scheduler.spawn(steps)
    assert ended == [False]


def test_a_pause_that_others_wake_says_each_time_how_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(task_steps, "time", clock)
    waits = []
    for wait in pausing(0.75, threading.Event()):
        waits.append(wait)
        clock.now += 0.25
    assert waits == [0.75, 0.5, 0.25]
