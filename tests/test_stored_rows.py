"""Which rows the table is asked about."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.bigquery.existing_rows import compare_old
from headrace.core.micro_batch import NOTES, MicroBatch

SINCE = 1_000


def a_batch(*published: tuple[int, int]) -> MicroBatch:
    """Rows of messages published at the first time of each pair, and for the first time at the second."""
    count = len(published)
    columns = [[bytes(16)] * count, [0] * count, [0] * count, *zip(*published, strict=True), [0] * count, range(count)]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, NOTES, strict=True)]
    rows = pa.RecordBatch.from_pydict({"n": list(range(count))})
    return MicroBatch("flight_departed", rows, pa.RecordBatch.from_arrays(arrays, schema=NOTES), b"")


def test_the_table_is_asked_about_old_messages_and_about_every_replay() -> None:
    asked: list[int] = []

    def compare(rows: pa.RecordBatch) -> dict[int, bool]:
        asked.extend(rows.column("n").to_pylist())
        return {1: True, 2: False}

    #                 old          new            replayed, both old and new at first
    batch = a_batch((1_000, 1_000), (1_001, 1_001), (2_000, 900), (2_000, 1_900))
    assert compare_old(batch, SINCE, compare) == {2: True, 3: False}
    assert asked == [0, 2, 3]


def test_it_is_not_asked_when_there_is_none() -> None:
    assert compare_old(a_batch((1_001, 1_001)), SINCE, lambda rows: pytest.fail("asked")) == {}
