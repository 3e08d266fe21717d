"""A subject's tap: what it keeps for whoever follows, and that it keeps nothing otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headrace.core.dead_letter import DeadLetter, Reason
from headrace.core.message import Message
from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.outcome import Outcome
from headrace.core.replay_attributes import Replay
from headrace.engine.tap import FOLLOWED_SECONDS, KEPT, KEPT_BYTES, SAMPLE, Tap

SOURCE = "projects/p/subscriptions/headrace-things"


@dataclass
class Clock:
    seconds: float = 100.0

    def monotonic(self) -> float:
        return self.seconds

    def micros(self) -> int:
        return int(self.seconds * 1e6)


def a_tap(clock: Clock) -> Tap:
    return Tap(clock.monotonic, clock.micros)


def a_batch(*values: str) -> MicroBatch:
    notes = {name: [b"k" * 16 if name == "event_key" else 7] * len(values) for name in NOTES.names}
    rows = pa.RecordBatch.from_pydict({"value": list(values)})
    return MicroBatch("things", rows, pa.RecordBatch.from_pydict(notes, NOTES), b"")


def a_letter(**attributes: str) -> DeadLetter:
    message = Message("things", b"secret", attributes, "17", 5)
    return DeadLetter(message, Reason.TOO_LATE, "window", "2 days late")


def values_of(tap: Tap, after: int = 0) -> list[str]:
    return [event.row.column("value")[0].as_py() for event in tap.look(after).events if event.row is not None]


def test_nothing_is_kept_before_somebody_looks() -> None:
    tap = a_tap(Clock())
    tap.note(Outcome.WRITTEN, a_batch("early"))
    assert tap.look(0).events == []
    assert tap.look(0).seen == {}


def test_whoever_follows_sees_each_event_once_in_its_order() -> None:
    tap = a_tap(Clock())
    tap.look(0)
    tap.note(Outcome.WRITTEN, a_batch("a", "b"))
    first = tap.look(0)
    tap.note(Outcome.DUPLICATE, a_batch("c"))
    second = tap.look(first.last)
    assert [
        (event.outcome, event.row.column("value")[0].as_py()) for event in (*first.events, *second.events) if event.row
    ] == [
        (Outcome.WRITTEN, "a"),
        (Outcome.WRITTEN, "b"),
        (Outcome.DUPLICATE, "c"),
    ]
    assert second.seen == {"written": 2, "duplicate": 1}


def test_two_followers_see_the_same() -> None:
    tap = a_tap(Clock())
    tap.look(0)
    tap.note(Outcome.WRITTEN, a_batch("a"))
    assert values_of(tap) == values_of(tap) == ["a"]


def test_it_forgets_when_nobody_has_looked_for_a_while_and_goes_on_with_its_numbers() -> None:
    clock = Clock()
    tap = a_tap(clock)
    tap.look(0)
    tap.note(Outcome.WRITTEN, a_batch("a"))
    last = tap.look(0).last
    clock.seconds += FOLLOWED_SECONDS
    tap.note(Outcome.WRITTEN, a_batch("unseen"))
    assert values_of(tap) == []
    tap.note(Outcome.WRITTEN, a_batch("b"))
    assert values_of(tap, last) == ["b"]


def test_of_many_events_of_a_round_it_keeps_a_sample_and_counts_all() -> None:
    tap = a_tap(Clock())
    tap.look(0)
    tap.note(Outcome.WRITTEN, a_batch(*map(str, range(SAMPLE * 3))))
    found = tap.look(0)
    assert len(found.events) == SAMPLE
    assert found.seen == {"written": SAMPLE * 3}


def test_many_rows_push_out_older_rows_but_no_dead_letter() -> None:
    tap = a_tap(Clock())
    tap.look(0)
    tap.note_letters("p", [a_letter()])
    for number in range(KEPT // SAMPLE + 2):
        tap.note(Outcome.WRITTEN, a_batch(*[str(number)] * SAMPLE))
    events = tap.look(0).events
    assert sum(event.outcome is Outcome.WRITTEN for event in events) == KEPT
    assert events[0].outcome is Outcome.DEAD_LETTERED


def test_large_rows_are_kept_up_to_a_number_of_bytes() -> None:
    tap = a_tap(Clock())
    tap.look(0)
    large = "x" * (KEPT_BYTES // 4)
    for _ in range(10):
        tap.note(Outcome.WRITTEN, a_batch(large))
    events = tap.look(0).events
    assert 1 <= len(events) <= 4
    assert sum(event.row.nbytes for event in events if event.row) <= KEPT_BYTES


def test_a_kept_row_does_not_keep_the_rest_of_its_batch_in_memory() -> None:
    tap = a_tap(Clock())
    tap.look(0)
    tap.note(Outcome.WRITTEN, a_batch("a", *["x" * 1000] * 2000))
    (first, *_) = tap.look(0).events
    assert first.row is not None
    assert first.row.get_total_buffer_size() < 1000 * (SAMPLE + 1)


def test_a_dead_letter_shows_its_reason_and_its_id_and_none_of_its_bytes() -> None:
    tap = a_tap(Clock())
    tap.look(0)
    letter = a_letter()
    tap.note_letters("p", [letter])
    (event,) = tap.look(0).events
    assert (event.reason, event.detail, event.row) == ("too_late", "2 days late", None)
    assert event.letter_id == letter.letter_id(SOURCE)
    assert "secret" not in repr(event)


def test_a_letter_that_is_refused_again_after_a_replay_keeps_its_id() -> None:
    attributes = Replay("d599701e74ac709781bb", 1, 5).to_attributes()
    assert a_letter(**attributes).letter_id(SOURCE) == "d599701e74ac709781bb"


def test_numbers_are_those_of_events_and_not_of_looks() -> None:
    tap = a_tap(Clock())
    tap.look(0)
    tap.note(Outcome.WRITTEN, a_batch("a"))
    numbers = np.array([event.number for _ in range(3) for event in tap.look(0).events])
    assert (numbers == 1).all()
