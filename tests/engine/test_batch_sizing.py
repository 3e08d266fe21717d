"""How many messages are worth a round."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headrace.engine.batch_sizing import LINGER_SECONDS, RATE_SECONDS, ArrivalRate, batch_size

RATES = st.floats(0, 1e9)
SIZES = st.integers(1, 100_000)


@given(RATES, SIZES)
def test_a_round_is_never_empty_and_never_larger_than_is_allowed(rate: float, at_most: int) -> None:
    assert 1 <= batch_size(rate, at_most) <= at_most


@given(RATES, RATES, SIZES)
def test_the_faster_they_come_the_more_go_together(rate: float, other: float, at_most: int) -> None:
    slow, fast = sorted((rate, other))
    assert batch_size(slow, at_most) <= batch_size(fast, at_most)


@given(RATES, SIZES)
def test_a_batch_never_waits_for_more_than_can_arrive_within_the_linger(rate: float, at_most: int) -> None:
    assert batch_size(rate, at_most) <= max(1, rate * LINGER_SECONDS)


@given(st.floats(0, 2 / LINGER_SECONDS, exclude_max=True), SIZES)
def test_a_message_goes_alone_when_the_next_would_come_later_than_that(rate: float, at_most: int) -> None:
    assert batch_size(rate, at_most) == 1


@given(SIZES)
def test_under_load_a_round_is_as_large_as_is_allowed(at_most: int) -> None:
    assert batch_size((at_most + 1) / LINGER_SECONDS, at_most) == at_most


def test_a_rate_that_no_number_holds_is_bounded_too() -> None:
    assert batch_size(float("inf"), 7) == 7


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 5000)), max_size=30), st.floats(0, 5))
def test_the_rate_is_that_of_the_last_second(taken: list[tuple[float, int]], later: float) -> None:
    arrivals, now = ArrivalRate(), 0.0
    moments = []
    for pause, count in taken:
        now += pause
        arrivals.note(now, count)
        moments.append((now, count))
    now += later
    expected = sum(count for moment, count in moments if moment > now - RATE_SECONDS) / RATE_SECONDS
    assert arrivals.rate(now) == expected


def test_what_was_taken_counts_for_a_second_and_no_longer() -> None:
    arrivals = ArrivalRate()
    arrivals.note(8.0, 5)
    arrivals.note(8.5, 7)
    assert [arrivals.rate(now) for now in (8.5, 9.0, 9.25, 9.5)] == [12.0, 7.0, 7.0, 0.0]


def test_the_rate_is_zero_before_anything_was_taken() -> None:
    assert ArrivalRate().rate(8.0) == 0.0
