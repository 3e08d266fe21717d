"""Calls wait for an obstacle with growing pauses, report it once, and forget it when it is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import pytest
import structlog
import structlog.testing
from google.api_core.exceptions import Forbidden, NotFound, ServiceUnavailable

from headrace.engine import task_steps
from headrace.engine.retry import RetryPolicy, StoppedError
from headrace.engine.status import SubjectStatus
from headrace.engine.task_steps import Steps
from headrace.runtime.retry_policy import FIRST_SECONDS, LONGEST_SECONDS
from tests.support.pulls import Clock
from tests.support.retries import failing

NEED = "a place: the job needs a permission on it; `headrace provision` makes it"
T = TypeVar("T")
SENTENCE = "the subject is in trouble"


class Stop(threading.Event):
    """Who waits for it waits no longer than it takes to note for how long he would have."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.pauses.append(timeout)
        return self.is_set()


class Waiting:
    """A part of a subject that waits, either way: in its thread, or as steps by the clock of the test."""

    def __init__(self, clock: Clock, as_steps: bool) -> None:
        self._clock, self._as_steps = clock, as_steps
        self._paused: list[float] = []
        self.status = SubjectStatus("flight")
        self.stop = Stop()
        self.room_made = 0
        self.retry = RetryPolicy("part", self.status, self.stop, self._make_room)

    @property
    def pauses(self) -> list[float]:
        return self._paused if self._as_steps else self.stop.pauses

    def call(self, attempt: Callable[[], T]) -> T:
        if self._as_steps:
            return self._end(self.retry.call_as_steps(NEED, attempt))
        return self.retry.call(NEED, attempt)

    def wait(self, sentence: str = SENTENCE) -> None:
        if self._as_steps:
            self._end(self.retry.wait_as_steps(sentence))
        else:
            self.retry.wait(sentence)

    def _end(self, steps: Steps[T]) -> T:
        while True:
            try:
                wait = next(steps)
            except StopIteration as ended:
                return ended.value  # type: ignore[no-any-return]
            assert wait is not None
            self._paused.append(wait)
            self._clock.now += wait

    def _make_room(self) -> None:
        self.room_made += 1


@pytest.fixture(params=[False, True], ids=["in a thread", "as steps"])
def waiting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    clock = Clock()
    monkeypatch.setattr(task_steps, "time", clock)
    return Waiting(clock, request.param)


def events(entries: list[structlog.typing.EventDict]) -> list[str]:
    """The events that are logged above the level for debugging."""
    return [str(each["event"]) for each in entries if each["log_level"] != "debug"]


def test_what_succeeds_is_given_and_waits_for_nothing(waiting: Waiting) -> None:
    assert waiting.call(failing()) == "done"
    assert waiting.pauses == []


def test_it_is_tried_again_until_it_succeeds(waiting: Waiting) -> None:
    assert waiting.call(failing(ServiceUnavailable("no"), NotFound("no"))) == "done"
    assert len(waiting.pauses) == 2


def test_an_obstacle_is_reported_until_it_is_gone(waiting: Waiting) -> None:
    obstacles = []

    def attempt() -> None:
        obstacles.append(dict(waiting.status.in_the_way))
        if len(obstacles) == 1:
            raise Forbidden("no")

    waiting.call(attempt)
    assert obstacles == [
        {},
        {"part": "a place: permission denied; the job needs a permission on it (docs/permissions.md)"},
    ]
    assert waiting.status.in_the_way == {}


def test_an_error_that_retrying_cannot_fix_is_raised_at_once(waiting: Waiting) -> None:
    with pytest.raises(LookupError, match="a fault of ours"):
        waiting.call(failing(LookupError("a fault of ours")))
    assert waiting.pauses == []


def test_a_stopped_caller_does_not_retry(waiting: Waiting) -> None:
    waiting.stop.set()
    attempts = failing(ServiceUnavailable("no"))
    with pytest.raises(StoppedError):
        waiting.call(attempts)
    assert "part" in waiting.status.in_the_way


def test_stopping_a_waiting_caller_raises_an_error_that_names_the_obstacle(waiting: Waiting) -> None:
    waiting.stop.set()
    with pytest.raises(StoppedError, match=SENTENCE):
        waiting.wait()


def test_pauses_double_up_to_the_longest_and_are_as_long_as_half_of_that_at_least(waiting: Waiting) -> None:
    for _ in range(12):
        waiting.wait()
    longest = FIRST_SECONDS
    for pause in waiting.pauses:
        assert longest / 2 <= pause <= longest
        longest = min(longest * 2, LONGEST_SECONDS)
    assert longest == LONGEST_SECONDS


def test_callers_that_wait_for_the_same_thing_do_not_retry_at_the_same_moment(waiting: Waiting) -> None:
    for _ in range(20):
        waiting.wait()
    assert len(set(waiting.pauses[10:])) > 1


def test_the_first_pause_after_a_recovery_is_short_again(waiting: Waiting) -> None:
    waiting.call(failing(*[ServiceUnavailable("no")] * 6))
    waiting.wait()
    assert waiting.pauses[-1] <= FIRST_SECONDS


def test_a_thread_that_waits_makes_room_for_others_before_each_pause() -> None:
    waiting = Waiting(Clock(), as_steps=False)
    waiting.call(failing(ServiceUnavailable("no"), ServiceUnavailable("no")))
    assert waiting.room_made == 2


def test_an_obstacle_is_logged_when_it_is_new_and_when_it_is_gone(waiting: Waiting) -> None:
    with structlog.testing.capture_logs() as entries:
        for sentence in (SENTENCE, SENTENCE, "something else"):
            waiting.wait(sentence)
        waiting.retry.recovered()
        assert events(entries) == ["blocked", "blocked", "recovered"]
        waiting.retry.recovered()
    assert events(entries) == ["blocked", "blocked", "recovered"]
