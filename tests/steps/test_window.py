from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.tally import window_starts
from headrace.schemas.envelope import to_micros
from headrace.steps.window import assign_windows
from tests.support.builders import FLIGHT

PUBLISHED = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def a_batch(*event_times: datetime, published_at: datetime = PUBLISHED) -> MicroBatch:
    count = len(event_times)
    times = [to_micros(at) for at in event_times]
    first, published = ([to_micros(at)] * count for at in (PUBLISHED, published_at))
    columns = [[bytes(16)] * count, [0] * count, times, published, first, [0] * count, range(count)]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, NOTES, strict=True)]
    rows = pa.RecordBatch.from_pydict({"n": list(range(count))})
    return MicroBatch("flight_departed", rows, pa.RecordBatch.from_arrays(arrays, schema=NOTES), b"")


@pytest.mark.parametrize(
    ("event_time", "reason"),
    [
        pytest.param(PUBLISHED - timedelta(days=400), None, id="as late as allowed"),
        pytest.param(PUBLISHED - timedelta(days=400, microseconds=1), "too_late", id="a microsecond too late"),
        pytest.param(PUBLISHED + timedelta(minutes=10), None, id="as far ahead as allowed"),
        pytest.param(PUBLISHED + timedelta(minutes=10, microseconds=1), "in_the_future", id="a microsecond too far"),
        pytest.param(datetime(1, 1, 1, tzinfo=UTC), "too_late", id="year 1"),
        pytest.param(datetime(9999, 12, 31, tzinfo=UTC), "in_the_future", id="year 9999"),
    ],
)
def test_bounds_are_measured_against_publish_time(event_time: datetime, reason: str | None) -> None:
    windowed = assign_windows(a_batch(PUBLISHED, event_time, PUBLISHED), FLIGHT, timedelta(minutes=1))
    assert [(r.index, r.reason) for r in windowed.refusals] == ([(1, reason)] if reason else [])
    assert windowed.batch is not None
    assert windowed.batch.rows["n"].to_pylist() == ([0, 2] if reason else [0, 1, 2])


@pytest.mark.parametrize("delay", [timedelta(days=-1), timedelta(days=1), timedelta(days=1000)])
def test_a_replay_changes_nothing_in_what_is_too_late(delay: timedelta) -> None:
    bounds = [PUBLISHED - timedelta(days=400), PUBLISHED + timedelta(minutes=10)]
    beyond = [bounds[0] - SECOND, bounds[1] + SECOND]
    windowed = assign_windows(a_batch(*bounds, *beyond, published_at=PUBLISHED + delay), FLIGHT, timedelta(minutes=1))
    assert [(each.index, each.reason) for each in windowed.refusals] == [(2, "too_late"), (3, "in_the_future")]


def test_a_batch_is_not_split_by_window() -> None:
    times = [PUBLISHED - timedelta(hours=n) for n in range(300)]
    windowed = assign_windows(a_batch(*times), FLIGHT, timedelta(minutes=1))
    assert windowed.batch is not None
    assert windowed.batch.notes["window_start"].to_pylist() == [to_micros(at) for at in times]


def test_nothing_is_left_of_a_batch_that_is_late_as_a_whole() -> None:
    late = PUBLISHED - timedelta(days=500)
    assert assign_windows(a_batch(late, late), FLIGHT, timedelta(minutes=1)).batch is None


@pytest.mark.parametrize(("moment", "start"), [(0, 0), (59, 0), (60, 60), (-1, -60), (-60, -60), (-61, -120)])
def test_a_window_starts_at_or_before_its_moments(moment: int, start: int) -> None:
    micros = pa.array([moment * 1_000_000], pa.int64())
    assert window_starts(micros, timedelta(minutes=1)).to_pylist() == [start * 1_000_000]
