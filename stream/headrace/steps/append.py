"""Write: what both engines do to rows before an append and after a refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa

from headrace.bigquery.write_streams import MAX_REQUEST_BYTES
from headrace.core.dead_letter import Reason, Refusal
from headrace.core.micro_batch import MicroBatch

STAGE: Final = "write"


def within_requests(batch: MicroBatch, indices: Sequence[int]) -> tuple[list[MicroBatch], list[Refusal]]:
    """Cut the rows at *indices* into batches that one request can hold; refuse, by index, rows that none can."""
    if not indices:
        return [], []
    part = batch.take(indices)
    if request_bytes(part.rows) <= MAX_REQUEST_BYTES:
        return [part], []
    if len(indices) == 1:
        return [], [Refusal(indices[0], Reason.ROW_TOO_LARGE, f"the row has more than {MAX_REQUEST_BYTES} bytes")]
    middle = len(indices) // 2
    first, refused = within_requests(batch, indices[:middle])
    second, refused_too = within_requests(batch, indices[middle:])
    return first + second, refused + refused_too


def request_bytes(rows: pa.RecordBatch) -> int:
    """How many bytes *rows* have in a request."""
    return int(pa.ipc.get_record_batch_size(rows))


def refusals_by_bigquery(refused: Mapping[int, str]) -> list[Refusal]:
    """Say of each row by index that BigQuery refused it: the error's name only, for its text may hold the value."""
    return [
        Refusal(index, Reason.REFUSED_BY_BIGQUERY, f"BigQuery refused the row: {name}")
        for index, name in refused.items()
    ]
