"""What is counted, and the lines that it is kept in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.outcome import GAP, Outcome
from headrace.core.row_hash import row_hashes
from headrace.core.tally import (
    Tally,
    add_up,
    gap_tally,
    id_hash,
    tally_lost,
    tally_refusals,
    tally_rows,
    tally_unread,
    tally_unread_refusals,
    tally_written,
)
from headrace.steps.tally_lines import tally_lines
from tests.support.strategies import FIXED_PROFILE

MINUTE = timedelta(minutes=1)
_INT64 = st.integers(-(2**63), 2**63 - 1)
_MOMENTS = st.integers(-(10**8), 3 * 10**8) | st.integers(-(2**55), 2**55)


def a_batch(*numbers: int, subject: str = "things") -> MicroBatch:
    """An event for each number, which is also its minute."""
    columns = [
        [number.to_bytes(16, "big") for number in numbers],
        [number * 7 for number in numbers],
        [number * 60_000_000 for number in numbers],
        *([0] * len(numbers) for _ in range(4)),
    ]
    notes = pa.RecordBatch.from_arrays(
        [pa.array(column, f.type) for column, f in zip(columns, NOTES, strict=True)], schema=NOTES
    )
    rows = pa.RecordBatch.from_pydict({"_event_id": [str(number) for number in numbers]})
    return MicroBatch(subject, rows, notes, b"")


def messages(*minutes: int) -> list[Message]:
    """A message for each minute in which one was published."""
    return [Message("things", b"", {}, str(minute), minute * 60_000_000 + 7) for minute in minutes]


def in_short(*tallies: Tally) -> list[tuple[str, str | None, int, int]]:
    """Outcome, reason, minute and number of events of each line, in order."""
    lines = [line for tally in tallies for line in tally.counts.to_pylist()]
    assert {line["subject"] for line in lines} <= {"things"}
    return sorted(
        (each["outcome"], each["reason"], each["window_start"] // 60_000_000, each["events"]) for each in lines
    )


def signed(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def test_written_rows_are_tallied_by_their_content_and_other_events_by_their_payload() -> None:
    batch = a_batch(1, 1, 1)

    (written,) = tally_written(batch, MINUTE).counts.to_pylist()
    (received,) = tally_rows(batch, Outcome.RECEIVED, MINUTE).counts.to_pylist()

    assert written["content_hash"] == signed(sum(row_hashes(batch.rows).to_pylist()))
    assert received["content_hash"] == 21
    assert (written["outcome"], written["id_hash"]) == ("written", received["id_hash"])


def test_a_tally_does_not_depend_on_how_rows_were_grouped() -> None:
    numbers = [5, 1, 5, 9, 1]

    whole = tally_written(a_batch(*numbers), MINUTE)
    parts = add_up([tally_written(a_batch(number), MINUTE) for number in reversed(numbers)])

    def by_window(line: dict[str, int]) -> int:
        return line["window_start"]

    assert sorted(whole.counts.to_pylist(), key=by_window) == sorted(parts.counts.to_pylist(), key=by_window)


def test_each_line_has_an_identity_and_says_until_when_its_subject_is_complete() -> None:
    numbers = count()
    tally = add_up([tally_written(a_batch(1, 2, subject=name), MINUTE) for name in ("known", "unknown")])

    lines = tally_lines(tally, 0, lambda: f"line-{next(numbers)}", {"known": 1_000_000}).to_pylist()

    assert sorted(line["tally_id"] for line in lines) == ["line-0", "line-1"]
    assert {line["subject"]: line["complete_until"] for line in lines} == {
        "known": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        "unknown": None,
    }
    assert [len(line["windows"]) for line in lines] == [2, 2]


def test_lines_that_say_nothing_of_completeness_leave_it_open() -> None:
    lines = tally_lines(tally_written(a_batch(1, 2), MINUTE), 5, lambda: "a line").to_pylist()
    assert [(line["complete_until"], line["events"]) for line in lines] == [(None, 2)]


@pytest.mark.parametrize("key", [bytes(16), b"\x01" * 16, b"\xff" * 8 + bytes(8), bytes(7) + b"\x01" + b"\xff" * 8])
def test_the_hash_of_one_event_s_id_is_what_its_tally_says(key: bytes) -> None:
    batch = a_batch(1)
    notes = batch.notes.set_column(0, NOTES.field(0), pa.array([key], NOTES.field(0).type))
    (line,) = tally_rows(MicroBatch("things", batch.rows, notes, b""), Outcome.RECEIVED, MINUTE).counts.to_pylist()
    assert line["id_hash"] == id_hash(key)


def test_messages_that_could_not_be_read_are_counted_when_they_were_published_and_without_hashes() -> None:
    tally = tally_unread(messages(3, 1, 3), Outcome.DEAD_LETTERED, MINUTE, "malformed_envelope")
    assert in_short(tally) == [
        ("dead_lettered", "malformed_envelope", 1, 1),
        ("dead_lettered", "malformed_envelope", 3, 2),
    ]
    assert {(line["id_hash"], line["content_hash"]) for line in tally.counts.to_pylist()} == {(0, 0)}


def test_messages_that_could_not_be_read_are_received_and_dead_lettered_each_by_its_reason() -> None:
    refusals = [
        Refusal(0, Reason.UNDECODABLE_PAYLOAD, ""),
        Refusal(2, Reason.MALFORMED_ENVELOPE, ""),
        Refusal(3, Reason.UNDECODABLE_PAYLOAD, ""),
    ]
    tallies = tally_unread_refusals(messages(1, 2, 3, 1), refusals, MINUTE)
    assert in_short(add_up(tallies)) == [
        ("dead_lettered", "malformed_envelope", 3, 1),
        ("dead_lettered", "undecodable_payload", 1, 2),
        ("received", None, 1, 2),
        ("received", None, 3, 1),
    ]


def test_rows_that_were_refused_are_counted_by_reason_and_the_others_are_not() -> None:
    refusals = [Refusal(0, Reason.TOO_LATE, ""), Refusal(3, Reason.ID_CONFLICT, ""), Refusal(2, Reason.TOO_LATE, "")]
    assert in_short(*tally_refusals(a_batch(1, 2, 3, 4), refusals, MINUTE)) == [
        ("dead_lettered", "id_conflict", 4, 1),
        ("dead_lettered", "too_late", 1, 1),
        ("dead_lettered", "too_late", 3, 1),
    ]


def test_rows_that_are_lost_are_stated_in_the_window_in_which_that_was_noticed() -> None:
    assert tally_lost("things", 9, 119_999_999, MINUTE).counts.to_pylist() == [
        {
            "subject": "things",
            "outcome": "lost",
            "reason": None,
            "window_start": 60_000_000,
            "events": 9,
            "id_hash": 0,
            "content_hash": 0,
        }
    ]


@pytest.mark.parametrize(("since", "stated"), [(5, 5), (0, 9)])
def test_a_gap_is_stated_from_its_beginning_or_else_from_its_end(since: int, stated: int) -> None:
    assert gap_tally("things", since, 9, "between these").counts.to_pylist() == [
        {
            "subject": "things",
            "outcome": GAP,
            "reason": "between these",
            "window_start": stated,
            "events": 0,
            "id_hash": 0,
            "content_hash": 0,
        }
    ]


@settings(FIXED_PROFILE, max_examples=100)
@given(st.lists(st.tuples(st.binary(min_size=16, max_size=16), _INT64, _MOMENTS), max_size=12), st.integers(0, 2))
def test_each_window_has_its_events_and_their_hashes_added_up(
    events: list[tuple[bytes, int, int]], skipped: int
) -> None:
    keys, contents, moments = ([event[place] for event in events] for place in range(3))
    columns = [keys, contents, moments, *([0] * len(events) for _ in range(4))]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, NOTES, strict=True)]
    notes = pa.RecordBatch.from_arrays(arrays, schema=NOTES).slice(skipped)
    rows = pa.RecordBatch.from_pydict({"_event_id": ["an id"] * notes.num_rows})

    counts = tally_rows(MicroBatch("things", rows, notes, b""), Outcome.DUPLICATE, MINUTE, "why").counts.to_pylist()

    expected: dict[int, list[int]] = {}
    for key, content, moment in events[skipped:]:
        sums = expected.setdefault(moment - moment % 60_000_000, [0, 0, 0])
        for place, more in enumerate((1, int.from_bytes(key[:8], "big"), content)):
            sums[place] += more
    assert {line["window_start"]: (line["events"], line["id_hash"], line["content_hash"]) for line in counts} == {
        start: (events, signed(ids), signed(contents)) for start, (events, ids, contents) in expected.items()
    }
    assert len(counts) == len(expected)
    assert {(line["subject"], line["outcome"], line["reason"]) for line in counts} <= {("things", "duplicate", "why")}
