"""The row count of a finalised stream says whether the batch at its end was written, or that something is wrong."""

from __future__ import annotations

import pytest

from headrace.bigquery.append_result import HaltError
from headrace.bigquery.finalised_stream import BatchAtEnd, batch_at_end

OFFSET, BATCH = 1_000, 20


@pytest.mark.parametrize(
    ("row_count", "at_end"),
    [
        (None, BatchAtEnd.UNKNOWN),
        (OFFSET, BatchAtEnd.NOT_WRITTEN),
        (OFFSET + BATCH, BatchAtEnd.WRITTEN),
    ],
)
def test_a_row_count_says(row_count: int | None, at_end: BatchAtEnd) -> None:
    assert batch_at_end("s", row_count, OFFSET, BATCH) is at_end


@pytest.mark.parametrize("row_count", [0, OFFSET - 1, OFFSET + 1, OFFSET + BATCH - 1, OFFSET + BATCH + 1])
def test_any_other_row_count_halts(row_count: int) -> None:
    with pytest.raises(
        HaltError, match=rf"s: has {row_count:,} rows where 1,000 were committed, and perhaps 20 more; "
    ):
        batch_at_end("s", row_count, OFFSET, BATCH)


def test_without_a_batch_the_stream_must_end_at_its_offset_or_be_gone() -> None:
    assert batch_at_end("s", OFFSET, OFFSET, 0) is BatchAtEnd.NOT_WRITTEN
    assert batch_at_end("s", None, OFFSET, 0) is BatchAtEnd.UNKNOWN
    with pytest.raises(HaltError, match=r"s: has 1,001 rows where 1,000 were committed; "):
        batch_at_end("s", OFFSET + 1, OFFSET, 0)
