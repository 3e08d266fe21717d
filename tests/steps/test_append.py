"""Rows into requests: none is too large, and a row that no request can hold takes no neighbour with it."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from headrace.bigquery.write_streams import MAX_REQUEST_BYTES, Rows
from headrace.core.dead_letter import Reason
from headrace.core.micro_batch import MicroBatch
from headrace.steps.append import refusals_by_bigquery, request_bytes, within_requests
from tests.support.shard_state import a_batch, a_message


def batch_of(*sizes: int) -> MicroBatch:
    """Rows of so many bytes each."""
    batch = a_batch([a_message(f"e{number}", "x") for number in range(len(sizes))])
    return replace(batch, rows=pa.RecordBatch.from_pydict({"value": ["x" * size for size in sizes]}))


def test_what_fits_goes_into_one_request_and_no_rows_into_none() -> None:
    batch = batch_of(5, 5, 5)
    ((part,), refused) = within_requests(batch, [0, 2])
    assert (len(part), refused) == (2, [])
    assert within_requests(batch, []) == ([], [])


def test_a_row_over_the_limit_is_refused_before_it_is_sent_and_its_neighbours_are_not() -> None:
    parts, refused = within_requests(batch_of(5, 10_000_000, 9), [0, 1, 2])
    assert [(refusal.index, refusal.reason) for refusal in refused] == [(1, Reason.ROW_TOO_LARGE)]
    assert sorted(len(value) for part in parts for value in part.rows["value"].to_pylist()) == [5, 9]


def test_rows_too_many_for_one_request_go_into_several_in_order() -> None:
    parts, refused = within_requests(batch_of(*[2_000_000] * 8), range(8))
    assert refused == []
    assert [index for part in parts for index in part.notes.column("message").to_pylist()] == list(range(8))
    assert max(len(Rows.of(part.rows).data) for part in parts) <= MAX_REQUEST_BYTES


def test_the_size_of_rows_is_that_of_their_bytes_in_the_request() -> None:
    batch = batch_of(5, 70, 900)
    assert [request_bytes(each.rows) for each in (batch, batch.take([1]))] == [
        len(Rows.of(each.rows).data) for each in (batch, batch.take([1]))
    ]


def test_a_refused_row_is_named_by_its_index_and_the_error() -> None:
    (refusal,) = refusals_by_bigquery({7: "FIELDS_ERROR"})
    assert (refusal.index, refusal.reason) == (7, Reason.REFUSED_BY_BIGQUERY)
    assert refusal.detail == "BigQuery refused the row: FIELDS_ERROR"
