"""Write step: work of both engines before an append, and after BigQuery refuses rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa

from headrace.bigquery.write_streams import MAX_REQUEST_BYTES
from headrace.core.dead_letter import Reason, Refusal
from headrace.core.micro_batch import MicroBatch

STAGE: Final = "write"


def within_requests(batch: MicroBatch, indices: Sequence[int]) -> tuple[list[MicroBatch], list[Refusal]]:
    """Split the rows at *indices* into batches that fit into a request; refuse, by index, rows that are too large."""
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
    """Return the size of *rows* in a request, in bytes."""
    return int(pa.ipc.get_record_batch_size(rows))


def refusals_by_bigquery(refused: Mapping[int, str]) -> list[Refusal]:
    """Return a refusal for each row, by index, with the error's name and column: its text may contain the value."""
    return [
        Refusal(index, Reason.REFUSED_BY_BIGQUERY, f"BigQuery refused the row: {name}")
        for index, name in refused.items()
    ]
