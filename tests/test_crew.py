"""Parts of an engine on few threads: what runs beside what, what wakes a part, and which threads are left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stream.engine import crew as crews
from stream.engine.crew import Crew, Steps, Wake, pausing
from tests.jobs import wait_for

WAIT = 10.0


def threads_of(name: str) -> int:
    return sum(thread.name.startswith(name) for thread in threading.enumerate())


@contextmanager
def a_crew(at_once: int = 2, name: str = "a-crew") -> Iterator[Crew]:
    crew = Crew(name, at_once)
    yield crew
    assert crew.wait(WAIT), "every part ends"


class Log:
    """What parts have done, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def part(self, name: str, *waits: float | None) -> Steps[None]:
        for number, wait in enumerate(waits):
            self.done.append(f"{name}{number}")
            yield wait
        self.done.append(f"{name} ends")


def test_a_part_goes_on_when_it_is_woken() -> None:
    log = Log()
    with a_crew() as crew:
        wake = crew.begin(lambda wake: log.part("a", None, None))
        for number in range(2):
            wait_for(lambda number=number: len(log.done) == number + 1)  # type: ignore[misc]
            wake()
    assert log.done == ["a0", "a1", "a ends"]


def test_what_wakes_a_part_while_it_works_is_not_lost() -> None:
    #  part: |-- works --| yields, |- works -|
    #  other:    wakes it
    woken, seen = threading.Event(), []

    def steps(wake: Wake) -> Steps[None]:
        seen.append("works")
        assert woken.wait(WAIT)
        yield None
        seen.append("works again")

    with a_crew() as crew:
        wake = crew.begin(steps)
        wait_for(lambda: bool(seen))
        wake()
        woken.set()
    assert seen == ["works", "works again"]


def test_a_part_goes_on_after_the_seconds_that_it_said() -> None:
    log = Log()
    with a_crew() as crew:
        crew.begin(lambda wake: log.part("a", 0.01, 0.02))
    assert log.done == ["a0", "a1", "a ends"]


def test_the_alarm_of_a_wait_that_is_over_wakes_nobody() -> None:
    log = Log()
    with a_crew(1) as crew:
        wake = crew.begin(lambda wake: log.part("a", 0.05, None))
        wait_for(lambda: log.done == ["a0"])
        wake()
        wait_for(lambda: log.done == ["a0", "a1"])
        crew.begin(lambda wake: log.part("b", 0.1))
        wait_for(lambda: "b ends" in log.done)
        assert "a ends" not in log.done
        wake()


def test_parts_that_let_others_go_first_take_turns() -> None:
    log, all_there = Log(), threading.Event()

    def first(wake: Wake) -> Steps[None]:
        assert all_there.wait(WAIT)
        yield from log.part("a", 0.0, 0.0)

    with a_crew(1) as crew:
        crew.begin(first)
        crew.begin(lambda wake: log.part("b", 0.0, 0.0))
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

    with a_crew(3) as crew:
        for _ in range(6):
            crew.begin(steps)
    assert most == 3


def test_who_waits_in_the_middle_of_its_work_makes_room() -> None:
    #  a: |- works -| aside ... until b has worked |- works -|
    other_worked = threading.Event()

    with a_crew(1) as crew:

        def waits(wake: Wake) -> Steps[None]:
            with crew.aside():
                assert other_worked.wait(WAIT)
            yield 0.0

        def works(wake: Wake) -> Steps[None]:
            other_worked.set()
            yield 0.0

        crew.begin(waits)
        crew.begin(works)


def test_many_parts_that_wait_keep_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "RESTS_SECONDS", 0.05)
    with a_crew(3, "many") as crew:
        for _ in range(200):
            crew.begin(lambda wake: Log().part("a", None))
        assert threads_of("many") <= 3
        wait_for(lambda: threads_of("many") == 0)
        assert not crew.wait(0)
        crew.wake_all()
    wait_for(lambda: threads_of("many") == 0)


def test_the_clock_of_a_crew_ends_with_its_last_part() -> None:
    with a_crew(name="clocked") as crew:
        crew.begin(lambda wake: Log().part("a", 0.01))
        wake = crew.begin(lambda wake: Log().part("b", None))
        wait_for(lambda: threads_of("clocked-clock") == 1)
        wake()
    wait_for(lambda: threads_of("clocked-clock") == 0)


def test_a_part_that_fails_is_over_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: said.append(arguments.exc_type))
    log = Log()

    def fails(wake: Wake) -> Steps[None]:
        yield 0.0
        raise ValueError

    with a_crew(1) as crew:
        crew.begin(fails)
        crew.begin(lambda wake: log.part("b", 0.0, 0.0))
    assert (log.done[-1], said) == ("b ends", [ValueError])


def test_a_pause_ends_when_told_to_stop_and_not_when_woken() -> None:
    stop, ended = threading.Event(), []

    def steps(wake: Wake) -> Steps[None]:
        ended.append((yield from pausing(60.0, stop)))

    with a_crew() as crew:
        wake = crew.begin(steps)
        wake()
        assert not crew.wait(0.05)
        stop.set()
        wake()
    assert ended == [True]


def test_a_pause_lasts_as_long_as_it_should() -> None:
    ended = []

    def steps(wake: Wake) -> Steps[None]:
        ended.append((yield from pausing(0.02, threading.Event())))

    with a_crew() as crew:
        crew.begin(steps)
    assert ended == [False]
