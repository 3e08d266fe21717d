"""Which messages of a subject are sent when, and what follows from errors: without a thread and without a file."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import InvalidArgument, NotFound, PermissionDenied, ServiceUnavailable
from google.cloud.pubsub_v1.publisher.exceptions import MessageTooLargeError
from hypothesis import given
from hypothesis import strategies as st

from headrace.producers.outbox.lane import MAX_PAUSE_SECONDS, SOLO_TRIES, WINDOW, Failure, Lane, failure_of

WRONG, AWAY = InvalidArgument("wrong"), ServiceUnavailable("away")


@pytest.mark.parametrize("error", [WRONG, MessageTooLargeError("large"), ValueError(), TypeError()])
def test_errors_of_a_message_are_refusals(error: Exception) -> None:
    assert failure_of(error) is Failure.REFUSED


@pytest.mark.parametrize("error", [AWAY, NotFound("topic"), PermissionDenied("no"), TimeoutError(), OSError()])
def test_other_errors_may_go_away(error: Exception) -> None:
    assert failure_of(error) is Failure.LATER


@given(wrong=st.sets(st.integers(1, 40), max_size=6), count=st.integers(1, 40), batch=st.integers(1, 9))
def test_only_wrong_messages_are_given_up_and_all_others_arrive_once(wrong: set[int], count: int, batch: int) -> None:
    lane, waiting = Lane(1, "orders"), list(range(1, count + 1))
    arrived: list[int] = []
    given_up: list[int] = []
    for _ in range(10_000):
        if not waiting:
            break
        sent = [number for number in waiting if number > lane.after][: lane.room(0.0)]
        for number in sent:
            lane.sent(number, 10)
        for start in range(0, len(sent), batch):
            request = sent[start : start + batch]
            for number in request:
                if wrong.isdisjoint(request):
                    lane.arrived(number)
                    arrived.append(number)
                    waiting.remove(number)
                else:
                    lane.failed(number, WRONG)
        if (refused := lane.next_window(0.0, 0.5)) is not None:
            given_up.append(refused[0])
            waiting.remove(refused[0])
    assert not waiting
    assert set(given_up) == wrong & set(range(1, count + 1))
    assert sorted(arrived) == sorted(set(range(1, count + 1)) - wrong)


def test_an_outage_pauses_the_lane_longer_each_time_and_gives_nothing_up() -> None:
    lane, now = Lane(1, "orders"), 0.0
    pauses = []
    for _ in range(20):
        lane.sent(1, 10)
        lane.failed(1, AWAY)
        assert lane.room(now) == 0
        assert lane.next_window(now, 1.0) is None
        pauses.append(lane.resume_at - now)
        assert lane.room(now) == 0
        assert lane.after == 0, "it is read again"
        now = lane.resume_at
    assert pauses[:3] == pytest.approx([0.1, 0.2, 0.4])
    assert pauses[-1] == pytest.approx(MAX_PAUSE_SECONDS)
    lane.sent(1, 10)
    lane.arrived(1)
    assert (lane.tries, lane.error) == (0, None)
    assert lane.room(now) > 0


def test_a_message_is_refused_alone_several_times_before_it_is_given_up() -> None:
    lane, tries = Lane(1, "orders"), 0
    given_up = None
    while given_up is None:
        lane.sent(1, 10)
        lane.failed(1, WRONG)
        given_up = lane.next_window(0.0, 0.5)
        tries += 1
    assert (given_up, tries) == ((1, WRONG), SOLO_TRIES)


def test_bytes_on_their_way_are_bounded() -> None:
    lane = Lane(1, "orders")
    for number in range(1, 40):
        lane.sent(number, 1_000_000)
    assert lane.room(0.0) == 0
    for number in range(1, 40):
        lane.arrived(number)
    assert lane.room(0.0) == WINDOW
