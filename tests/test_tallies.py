"""What is counted, and the lines that it is kept in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.row_hash import row_hashes
from headrace.core.tally import Outcome, add_up, tally_rows, tally_written
from headrace.steps.tally_lines import tally_lines
from tests.strategies import FIXED_PROFILE

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
