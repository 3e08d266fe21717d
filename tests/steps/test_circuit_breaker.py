"""The circuit breaker: how many letters get out at most, and which subjects are never stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from apache_beam.pvalue import TaggedOutput
from hypothesis import given
from hypothesis import strategies as st

from headrace.beam.decode_dofn import _DecodeFn
from headrace.config.secrets import HeldKey
from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.core.routes import Routes
from headrace.schemas.errors import ContractError
from headrace.steps.circuit_breaker import COUNTED, FLOOR, WINDOW, CircuitBreaker, CircuitOpenError, counted, describe
from headrace.steps.decode.decode_messages import Decoder
from tests.support.builders import PACKAGE

SECOND = 1_000_000
MINUTE = 60 * SECOND
Round = tuple[int, int, int]  # when, how many, and how many of them are refused


def bad(count: int, reason: Reason = Reason.UNKNOWN_SCHEMA) -> dict[Reason, int]:
    return {reason: count}


def let_through(breaker: CircuitBreaker, rounds: Sequence[Round]) -> list[Round]:
    """The rounds that are not held."""
    return [each for each in rounds if not breaker.opens_on(each[0], each[1], bad(each[2]))]


def is_forced_closed(breaker: CircuitBreaker) -> bool:
    return breaker.is_forced_closed


@st.composite
def rounds(draw: st.DrawFn) -> list[Round]:
    now, drawn = 0, []
    for _ in range(draw(st.integers(1, 60))):
        now += draw(st.integers(0, 40)) * SECOND // draw(st.sampled_from([1, 10]))
        received = draw(st.integers(1, 40))
        drawn.append((now, received, draw(st.sampled_from([0, received, draw(st.integers(0, received))]))))
    return drawn


@given(rounds(), st.integers(1, 100), st.integers(1, 100))
def test_letters_stay_within_the_bound_in_any_sequence_of_rounds(drawn: list[Round], percent: int, floor: int) -> None:
    #  of any stretch within a minute: fewer letters than the floor and the limit's share together
    passed = let_through(CircuitBreaker(percent, floor=floor), drawn)
    for first in range(len(passed)):
        received = letters = 0
        for now, more, refused in passed[first:]:
            if now - passed[first][0] >= MINUTE:
                break
            received, letters = received + more, letters + refused
            assert letters * 100 < floor * 100 + percent * received


@given(rounds(), st.integers(1, 100), st.lists(st.integers(1, 5000), max_size=50), st.integers(0, 5000))
def test_once_every_message_fails_fewer_than_the_floor_and_a_round_get_out(
    before: list[Round], percent: int, sizes: list[int], begins: int
) -> None:
    #  any rounds | a round in which it begins | bad | bad | bad ...      all within a minute
    breaker = CircuitBreaker(percent if percent < 100 else 99)
    let_through(breaker, before)
    now = before[-1][0]
    flood = [(now, 5000, begins), *((now + number * SECOND, size, size) for number, size in enumerate(sizes, 1))]
    assert sum(refused for _, _, refused in let_through(breaker, flood)) < FLOOR + 5000


@given(st.lists(st.integers(1, 300), min_size=1, max_size=300))
def test_a_poison_minority_never_stops_a_subject(sizes: list[int]) -> None:
    breaker = CircuitBreaker(50)
    spread = [(number * SECOND, 20 * size, size) for number, size in enumerate(sizes)]
    assert let_through(breaker, spread) == spread


def test_a_quiet_subject_is_never_stopped() -> None:
    breaker = CircuitBreaker(50)
    quiet = [(number * SECOND, 16, 16) for number in range(300)]  # 960 a minute
    assert let_through(breaker, quiet) == quiet


def test_much_that_went_well_before_does_not_delay_it() -> None:
    breaker = CircuitBreaker(50)
    let_through(breaker, [(number * SECOND, 5000, 0) for number in range(50)])
    flood = [(50 * SECOND + number, 400, 400) for number in range(50)]
    assert let_through(breaker, flood) == flood[:2]


@pytest.mark.parametrize("reason", sorted(set(Reason) - COUNTED))
def test_a_reason_that_no_deployment_can_fix_does_not_count(reason: Reason) -> None:
    breaker = CircuitBreaker(50)
    assert not breaker.opens_on(0, 5000, bad(5000, reason))


def test_a_hundred_per_cent_is_no_limit() -> None:
    assert not CircuitBreaker(100).opens_on(0, 50_000, bad(50_000))


def test_the_circuit_stays_open_until_a_round_is_good_however_long_it_takes() -> None:
    breaker = CircuitBreaker(50)
    assert breaker.opens_on(0, 2000, bad(2000))
    assert breaker.opens_on(10 * MINUTE, 1, bad(1))
    assert not breaker.opens_on(11 * MINUTE, 10, bad(5))
    assert not breaker.opens_on(12 * MINUTE, 1, bad(1))


def test_a_sample_lets_it_go_on_when_it_is_good_and_not_when_it_is_empty() -> None:
    breaker = CircuitBreaker(50)
    assert [breaker.passes(0, {}), breaker.passes(100, bad(51)), breaker.passes(100, bad(50))] == [False, False, True]


def test_after_the_command_all_goes_through_until_the_share_has_fallen_once() -> None:
    breaker = CircuitBreaker(50)
    assert breaker.opens_on(0, 5000, bad(5000))
    breaker.force_closed(SECOND)
    flood = [(number * SECOND, 5000, 5000) for number in range(2, 200)]
    assert let_through(breaker, flood) == flood
    assert is_forced_closed(breaker)
    assert not breaker.opens_on(200 * SECOND, 500, {})
    assert is_forced_closed(breaker), "so few say nothing"
    assert not breaker.opens_on(201 * SECOND, 500, {})
    assert not is_forced_closed(breaker)
    assert breaker.opens_on(202 * SECOND, 5000, bad(5000))


def test_a_quiet_subject_can_open_again_after_a_good_minute() -> None:
    breaker = CircuitBreaker(50, timedelta(minutes=1))
    breaker.force_closed(0)
    let_through(breaker, [(50 * SECOND, 10, 0), (59 * SECOND, 10, 0)])
    assert breaker.is_forced_closed
    let_through(breaker, [(60 * SECOND, 10, 0)])
    assert not breaker.is_forced_closed


def test_the_breaker_answers_with_a_boolean() -> None:
    breaker = CircuitBreaker(50, floor=10)
    assert breaker.opens_on(0, 10, bad(5)) is False
    assert breaker.opens_on(1, 10, bad(10)) is True
    assert breaker.passes(2, bad(2)) is False
    assert breaker.passes(2, bad(1)) is True


@pytest.mark.parametrize(
    ("percent", "refused", "is_held"), [(1, 10, False), (1, 11, True), (33, 331, True), (0, 1, True)]
)
def test_a_share_of_just_the_limit_is_not_beyond_it(percent: int, refused: int, is_held: bool) -> None:
    assert CircuitBreaker(percent).opens_on(0, FLOOR, bad(refused)) is is_held


def test_it_begins_closed() -> None:
    assert CircuitBreaker(50).opens_on(0, 1, bad(1)) is False


def test_a_small_round_is_judged_with_those_before_it_as_far_as_they_make_it_worse() -> None:
    #  2,000 good | 500 bad | 499 bad: the last two are too few | 1 bad
    breaker = CircuitBreaker(50)
    opened = [breaker.opens_on(0, 2000, {}), breaker.opens_on(1, 500, bad(500)), breaker.opens_on(2, 499, bad(499))]
    assert opened == [False] * 3
    assert breaker.opens_on(3, 1, bad(1)) is True


def test_a_stretch_within_the_limit_holds_nothing_and_a_longer_one_may() -> None:
    #  900 bad | 900 good | 100 bad: of the last thousand a tenth; of all 1,000 of 1,900
    breaker = CircuitBreaker(50)
    breaker.opens_on(0, 900, bad(900))
    breaker.opens_on(1, 900, {})
    assert breaker.opens_on(2, 100, bad(100)) is True
    good = CircuitBreaker(50)
    good.opens_on(0, 900, bad(700))
    good.opens_on(1, 900, {})
    assert good.opens_on(2, 100, bad(100)) is False


def test_a_sample_that_is_good_ends_what_was_held_and_one_that_is_not_does_not() -> None:
    breaker = CircuitBreaker(50)
    assert breaker.opens_on(0, 2000, bad(2000))
    assert breaker.passes(10, bad(10)) is False
    assert breaker.opens_on(1, 1, bad(1)) is True, "still open, so this is a sample too"
    assert breaker.passes(10, bad(1)) is True
    assert breaker.opens_on(2, 1, bad(1)) is False, "so few say nothing"


def test_a_sample_of_one_message_decides_but_a_bad_one_does_not_open_the_circuit() -> None:
    breaker = CircuitBreaker(50)
    assert breaker.passes(1, {}) is True
    assert breaker.passes(1, bad(1)) is False
    assert breaker.opens_on(0, 1, bad(1)) is False


def test_the_command_closes_the_circuit() -> None:
    #  held | let through | good: guarded again | a small bad round
    breaker = CircuitBreaker(50)
    assert breaker.opens_on(0, 2000, bad(2000))
    breaker.force_closed(1)
    assert is_forced_closed(breaker)
    assert breaker.opens_on(2, 2000, {}) is False
    assert not is_forced_closed(breaker)
    assert breaker.opens_on(3, 1, bad(1)) is False


def test_a_circuit_is_forced_closed_only_by_the_command() -> None:
    breaker = CircuitBreaker(50)
    assert breaker.is_forced_closed is False
    breaker.opens_on(0, 2000, {})
    assert breaker.is_forced_closed is False


def test_after_the_command_the_latest_messages_alone_say_whether_the_share_has_fallen() -> None:
    breaker = CircuitBreaker(50, floor=10)
    breaker.force_closed(0)
    for now, received, refused, lets_through in (
        (1, 20, 20, True),
        (2, 5, 0, True),  # five good ones, and twenty bad ones before
        (3, 4, 1, True),  # nine
        (4, 1, 1, False),  # ten: two of them bad
    ):
        breaker.opens_on(now, received, bad(refused))
        assert breaker.is_forced_closed is lets_through


def test_after_the_command_a_whole_window_says_something_however_few_came() -> None:
    #  resumed at 100 s | 30 s later one is bad and two good | a minute later one good
    breaker = CircuitBreaker(50)
    breaker.force_closed(100 * SECOND)
    breaker.opens_on(130 * SECOND, 3, bad(1))
    assert breaker.is_forced_closed
    breaker.opens_on(160 * SECOND - 1, 1, {})
    assert breaker.is_forced_closed
    breaker.opens_on(160 * SECOND, 1, {})
    assert not breaker.is_forced_closed


def test_after_the_command_a_bad_window_does_not_end_it() -> None:
    breaker = CircuitBreaker(50)
    breaker.force_closed(0)
    breaker.opens_on(2 * MINUTE, 10, bad(9))
    assert breaker.is_forced_closed


def test_a_round_on_which_the_circuit_opens_is_not_remembered() -> None:
    #  opened on 1,000 | good: closed | 10 bad, of which with those before there were too many
    breaker = CircuitBreaker(50)
    breaker.opens_on(0, FLOOR, bad(FLOOR))
    assert breaker.passes(10, {})
    assert breaker.opens_on(1, 10, bad(10)) is False


def test_counted_refusals_are_described_with_their_reasons() -> None:
    refused = {Reason.TOO_LATE: 5, Reason.UNKNOWN_SCHEMA: 3, Reason.INVALID_LINE: 1000}
    assert counted(refused) == 1003
    assert describe(2000, refused, 50) == (
        "1,003 of 2,000 messages refused (invalid_line 1,000, unknown_schema 3); at most 50% may be"
    )
    assert describe(1, {Reason.TOO_LATE: 1}, 1) == "0 of 1 messages refused (none); at most 1% may be"


def test_what_is_a_whole_window_old_says_nothing_any_more() -> None:
    breaker = CircuitBreaker(50)
    assert not breaker.opens_on(0, 900, bad(900))
    assert not breaker.opens_on(MINUTE, 900, bad(900)), "the one before is as old as the window"
    assert breaker.opens_on(2 * MINUTE - 1, 100, bad(100)), "and this one is not"


def test_after_the_command_what_is_a_whole_window_old_says_nothing_any_more() -> None:
    breaker = CircuitBreaker(50)
    breaker.force_closed(0)
    let_through(breaker, [(0, 500, 500), (MINUTE, 400, 0)])
    assert not breaker.is_forced_closed


def tagged(outputs: Iterable[MicroBatch | TaggedOutput[Any, Any]]) -> list[TaggedOutput[Any, Any]]:
    """What goes to a side output, as all of it must."""
    found = list(outputs)
    kept = [each for each in found if isinstance(each, TaggedOutput)]
    assert kept == found
    return kept


def test_on_dataflow_a_bundle_fails_before_any_letter_and_again_until_it_can_be_read() -> None:
    def bundle(now: int, count: int, job: bytes = b"a job") -> int:
        # A bundle that fails takes its step along.
        step = _DecodeFn(
            PACKAGE, Routes(), window=WINDOW, clock=lambda: now, sealing=HeldKey(job.ljust(32)), decoder=Decoder
        )
        step.setup()
        unreadable = [Message("flight_departed", b"\xff", {}, str(number), 0) for number in range(count)]
        return len([each for each in tagged(step.process(unreadable)) if each.tag == "dead_letters"])

    assert bundle(0, FLOOR - 1) == FLOOR - 1
    for now in (0, SECOND, 10 * MINUTE):
        with pytest.raises(CircuitOpenError, match=r"flight_departed: 1 of 1 .* stay in Pub/Sub"):
            bundle(now, 1)
    assert bundle(10 * MINUTE, 1, b"another job") == 1


def test_on_dataflow_a_blocked_subject_becomes_dead_letters_and_opens_no_circuit() -> None:
    why = ContractError("flight_departed.v2.carrier", "string cannot be read as bytes", "keep the type")
    registry = PACKAGE.blocking({"flight_departed": why})
    step = _DecodeFn(
        registry, Routes(), window=WINDOW, clock=lambda: 0, sealing=HeldKey(b"a blocked job".ljust(32)), decoder=Decoder
    )
    step.setup()

    found = tagged(step.process([Message("flight_departed", b"", {}, str(number), 0) for number in range(2 * FLOOR)]))

    letters = [each.value for each in found if each.tag == "dead_letters"]
    assert {(each.reason, each.detail) for each in letters} == {(Reason.BLOCKED_SUBJECT, str(why))}
    assert len(letters) == 2 * FLOOR
    assert {each.tag for each in found} == {"dead_letters", "tallies"}, "and they are counted"
