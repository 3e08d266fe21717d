"""The numbers of the events that arrived, as tallies carry them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.arrivals import Arrival, arrivals_in, joined, tally_arrivals
from headrace.core.message import Message
from headrace.core.number_ranges import NumberRange
from headrace.core.outcome import ARRIVED, UNNUMBERED
from headrace.core.replay_attributes import Replay
from headrace.core.tally import Tally, add_up
from headrace.schemas.sequence import MAX_NUMBER, SequenceNumber

MINUTE = timedelta(minutes=1)
MICROS = 60_000_000
SOURCES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
EPOCHS = st.text("0123456789abcdefXYZ", min_size=1, max_size=64)
ARRIVALS = st.builds(
    lambda source, epoch, minute, first, more, until: Arrival(
        source, epoch, minute * MICROS, NumberRange(first, min(first + more, MAX_NUMBER)), until
    ),
    SOURCES,
    EPOCHS,
    st.integers(-5, 10**8),
    st.integers(1, MAX_NUMBER),
    st.integers(0, 10**9),
    st.integers(0, 2**62),
)


def a_message(number: object, source: str | None = "/checkout", minute: int = 0, **attributes: str) -> Message:
    sequence = str(SequenceNumber("a1", number)) if isinstance(number, int) else str(number)
    named = {} if source is None else {"ce-source": source}
    return Message("things", b"", named | {"ce-sequence": sequence} | attributes, "m", minute * MICROS + 7)


def arrived(*tallies: Tally) -> list[tuple[str, int, int, int]]:
    """Source, minute and range of everything that arrived."""
    rows: list[dict[str, Any]] = add_up(tallies).counts.to_pylist()
    assert {(row["subject"], row["outcome"]) for row in rows} <= {("things", ARRIVED)}
    return [(each.source, each.window_start // MICROS, *each.numbers) for each in arrivals_in(rows)]


def unnumbered(*tallies: Tally) -> int:
    return sum(row["events"] for row in add_up(tallies).counts.to_pylist() if row["reason"] == UNNUMBERED)


@given(ARRIVALS)
def test_what_is_packed_is_unpacked(arrival: Arrival) -> None:
    assert Arrival.unpacked(arrival.packed(), arrival.window_start) == arrival


@given(st.lists(ARRIVALS, max_size=20), st.randoms())
def test_arrivals_join_in_any_order_and_any_number_of_times(arrivals: list[Arrival], chance: Any) -> None:
    again = [*arrivals, *joined(arrivals)]
    chance.shuffle(again)
    assert joined(again) == joined(arrivals)


def test_numbers_are_kept_by_source_epoch_and_window_of_the_publish_time() -> None:
    messages = [a_message(number) for number in (3, 1, 2, 7)] + [a_message(8, minute=1), a_message(1, "/returns")]
    assert arrived(*tally_arrivals(messages, MINUTE)) == [
        ("/checkout", 0, 1, 3),
        ("/checkout", 0, 7, 7),
        ("/checkout", 1, 8, 8),
        ("/returns", 0, 1, 1),
    ]


def test_a_replayed_event_arrived_when_it_was_first_published() -> None:
    replayed = a_message(4, minute=90, **Replay("0" * 20, 1, 3 * MICROS).to_attributes())
    assert arrived(*tally_arrivals([replayed], MINUTE)) == [("/checkout", 3, 4, 4)]


def test_a_subject_without_numbers_has_no_tally() -> None:
    assert tally_arrivals([Message("things", b"", {"ce-source": "/checkout"}, "m", 7)], MINUTE) == []


@pytest.mark.parametrize("sequence", ["", "7", "a1-0", "a1-99999999999999999999", "x" * 1024, "a1-7\x00", "0 1 2 a1 s"])
def test_a_number_that_cannot_be_read_is_counted_and_kept_from_the_others(sequence: str) -> None:
    tallies = tally_arrivals([a_message(sequence), a_message(2), a_message(sequence)], MINUTE)
    assert arrived(*tallies) == [("/checkout", 0, 2, 2)]
    assert unnumbered(*tallies) == 2


@pytest.mark.parametrize("source", [None, ""])
def test_a_number_without_a_source_is_counted_as_unreadable(source: str | None) -> None:
    tallies = tally_arrivals([a_message(1, source)], MINUTE)
    assert (arrived(*tallies), unnumbered(*tallies)) == ([], 1)
