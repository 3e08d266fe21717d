"""How many pulls run at a time, what an empty one means while others run, and that none has a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from google.api_core.exceptions import DeadlineExceeded, ServiceUnavailable

from headrace.engine.continuity import Continuity
from headrace.engine.pull_buffer import WAITING_MESSAGES
from headrace.engine.puller import MANY, PULL_SECONDS, PULLS, Puller
from headrace.engine.scheduler import Scheduler
from headrace.engine.status import SubjectStatus
from headrace.runtime.retry_policy import Backoff
from tests.support.jobs import wait_for
from tests.support.pulls import TOPIC, Scripted

IDLE_SECONDS = 40.0
HELD = 60_000_000  # microseconds that a dead engine may hold messages
EARLY = 10 * HELD
LATE = EARLY + 2 * HELD


@pytest.fixture
def status() -> SubjectStatus:
    return SubjectStatus("flight")


@pytest.fixture
def calls() -> Scripted:
    return Scripted()


@pytest.fixture
def woken() -> list[str]:
    return []


@pytest.fixture
def puller(calls: Scripted, status: SubjectStatus, woken: list[str]) -> Iterator[Puller]:
    """One that is started, and has asked for the first time."""
    puller = Puller(calls, "flight", status=status, continuity=Continuity(TOPIC, lambda: 0), idle_seconds=IDLE_SECONDS)  # type: ignore[arg-type]
    with Scheduler("source", 2) as scheduler:
        puller.start(scheduler, lambda: woken.append("the loop"))
        wait_for(lambda: len(calls.asked) == 1)
        yield puller
        puller.wind_down()
        while calls.asked:
            calls.answer(0)
        puller.stop()
        assert scheduler.wait(10)


def test_several_pulls_run_while_they_bring_many_messages_and_one_otherwise(puller: Puller, calls: Scripted) -> None:
    #  1 asks|it brings many: 6 ask|they find few: 1 asks
    calls.answer(MANY)
    assert len(calls.asked) == PULLS
    for _ in range(PULLS - 1):
        calls.answer(1, which=1)
    assert len(calls.asked) == 1
    calls.answer(1)
    assert len(calls.asked) == 1


def test_what_every_pull_brought_is_given_once(puller: Puller, calls: Scripted) -> None:
    calls.answer(MANY)
    for count in (MANY, 1, 2):
        calls.answer(count)
    taken = puller.take(5000, 0.0)
    assert sum(len(each.messages) for each in taken) == 2 * MANY + 3
    assert puller.take(5000, 0.0) == []


def test_the_loop_is_woken_by_what_comes_and_not_by_nothing(puller: Puller, calls: Scripted, woken: list[str]) -> None:
    calls.answer(0)
    wait_for(lambda: len(calls.asked) == 1)
    assert woken == []
    calls.answer(1)
    assert woken == ["the loop"]


def test_nothing_more_is_asked_for_while_there_is_no_room(puller: Puller, calls: Scripted) -> None:
    calls.answer(WAITING_MESSAGES)
    assert calls.asked == []
    puller.take(WAITING_MESSAGES, 0.0)
    assert len(calls.asked) == PULLS


def test_a_failure_of_an_additional_pull_blocks_nothing(puller: Puller, calls: Scripted, status: SubjectStatus) -> None:
    #  many|beside: unavailable|no additional pull any more, and nothing is reported
    calls.answer(MANY)
    while len(calls.asked) > 1:
        calls.answer(ServiceUnavailable("no"), which=1)
    assert status.in_the_way == {}


def test_a_failed_pull_is_reported_and_repeated_until_it_succeeds(
    puller: Puller, calls: Scripted, status: SubjectStatus
) -> None:
    calls.answer(ServiceUnavailable("no"))
    wait_for(lambda: "pull" in status.in_the_way)
    wait_for(lambda: len(calls.asked) == 1)
    calls.answer(ServiceUnavailable("no"))
    wait_for(lambda: len(calls.asked) == 1)
    assert "pull" in status.in_the_way, "as long as nothing has succeeded"
    calls.answer(1)
    assert status.in_the_way == {}


def test_an_error_that_cannot_be_retried_is_raised_where_messages_are_taken(
    puller: Puller, calls: Scripted, woken: list[str]
) -> None:
    calls.answer(ValueError("not readable"))
    assert woken
    with pytest.raises(ValueError, match="not readable"):
        puller.take(10, 0.0)


def test_an_empty_pull_says_that_nothing_is_there_unless_another_may_be_bringing_it(
    puller: Puller, calls: Scripted
) -> None:
    calls.answer(MANY)
    wake, messages = puller._wake, list[str]()
    puller._wake = lambda: messages.append("something ended")
    calls.answer(DeadlineExceeded("nothing"))
    assert messages == []
    puller._wake = wake
    while len(calls.asked) > 1:
        calls.answer(0)
    calls.answer(DeadlineExceeded("nothing"))
    wait_for(lambda: puller._drained.is_empty)


def find_nothing(puller: Puller) -> None:
    """Pulls found nothing for more than twice as long as a dead engine may hold messages."""
    for moment in (EARLY, LATE):
        puller._drained.note_empty(moment, puller.leases.seconds)


def test_published_messages_are_settled_after_a_drain_as_long_as_a_message_may_be_held(puller: Puller) -> None:
    puller._drained.note_empty(EARLY, puller.leases.seconds)
    assert puller.drained_at == 0
    puller._drained.note_empty(LATE, puller.leases.seconds)
    assert puller.drained_at == LATE - HELD


def test_nothing_is_settled_while_a_message_is_held(puller: Puller, calls: Scripted) -> None:
    find_nothing(puller)
    calls.answer(1)
    assert puller.drained_at == 0
    puller.leases.let_go(puller.take(10, 0.0))
    assert puller.drained_at == LATE - HELD


def test_nothing_more_is_settled_while_the_subscription_may_lose_events(puller: Puller, calls: Scripted) -> None:
    find_nothing(puller)
    calls.filter = 'attributes.kind = "x"'
    assert [each.partition(":")[0] for each in puller.look()] == ["subscription"]
    assert puller.drained_at == 0


def test_nothing_is_settled_by_an_empty_pull_of_a_subscription_that_is_not_right(
    puller: Puller, calls: Scripted
) -> None:
    calls.expires_after = 86_400
    find_nothing(puller)
    assert puller._drained._continuity.unbroken, "this difference loses nothing"
    assert puller.drained_at == 0


def test_a_pull_lasts_longer_once_nothing_came_and_not_when_something_did(puller: Puller, calls: Scripted) -> None:
    assert [each.seconds for each in calls.asked] == [PULL_SECONDS]
    calls.answer(0)
    wait_for(lambda: len(calls.asked) == 1)
    assert [each.seconds for each in calls.asked] == [IDLE_SECONDS]
    calls.answer(1)
    assert [each.seconds for each in calls.asked] == [PULL_SECONDS]


def test_a_stopped_puller_ends_a_long_pull_without_reporting_it(
    puller: Puller, calls: Scripted, status: SubjectStatus
) -> None:
    calls.answer(0)
    wait_for(lambda: len(calls.asked) == 1)
    puller.stop()
    assert status.in_the_way == {}


def test_what_a_pull_brings_while_it_is_stopped_is_handed_back(puller: Puller, calls: Scripted) -> None:
    stopping = threading.Thread(target=puller.stop)
    stopping.start()
    wait_for(puller._stop.is_set)
    calls.answer(2)
    stopping.join(10)
    assert calls.leased == [(["ack-0", "ack-1"], 0)]


def test_leases_are_renewed_while_messages_are_held(calls: Scripted, puller: Puller) -> None:
    puller.leases.seconds = 0.2
    calls.answer(0)  # so that the next one is leased for as long as that
    wait_for(lambda: len(calls.asked) == 1)
    calls.answer(1)
    wait_for(lambda: len(calls.leased) > 2)
    puller.acknowledge = lambda pulled: puller.leases.let_go(pulled)  # type: ignore[method-assign]
    puller.acknowledge(puller.take(10, 0.0))
    assert not puller.leases.held


def test_leases_are_renewed_while_pulls_fail(calls: Scripted, puller: Puller, status: SubjectStatus) -> None:
    puller.leases.seconds = 0.2
    calls.answer(0)  # so that the next one is leased for as long as that
    wait_for(lambda: len(calls.asked) == 1)
    calls.answer(1)
    puller._retry._backoff = Backoff(60.0, 60.0)
    calls.answer(ServiceUnavailable("no"))
    wait_for(lambda: "pull" in status.in_the_way)
    renewed = len(calls.leased)
    wait_for(lambda: len(calls.leased) > renewed + 2)


def test_additional_pulls_stay_within_the_limit_shared_by_all_subjects(calls: Scripted, status: SubjectStatus) -> None:
    along = threading.Semaphore(2)
    puller = Puller(calls, "flight", status=status, continuity=Continuity(TOPIC, lambda: 0), along=along)  # type: ignore[arg-type]
    with Scheduler("source", 2) as scheduler:
        puller.start(scheduler, lambda: None)
        wait_for(lambda: len(calls.asked) == 1)
        calls.answer(MANY)
        assert len(calls.asked) == 3
        puller.wind_down()
        while calls.asked:
            calls.answer(0)
        puller.stop()
    assert [along.acquire(blocking=False) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("brought", [MANY, 1])
def test_a_pull_on_a_closed_connection_raises_and_is_not_waited_for(
    puller: Puller, calls: Scripted, brought: int
) -> None:
    calls.is_closed = True
    calls.answer(brought)
    with pytest.raises(ValueError, match="closed channel"):
        puller.take(10, 10.0)
    puller.stop()
    assert calls.asked == []
