"""What becomes of rows when BigQuery answers in every way it may; the server is scripted, the wire is real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pyarrow as pa
import pytest
from google.cloud.bigquery_storage_v1.types import AppendRowsResponse, RowError
from google.rpc.status_pb2 import Status

from stream.append import AppendError, TableAppender
from stream.deadletter import Reason
from tests.faults.scripted_memory import Told, a_scripted_write

INVALID_ARGUMENT = 3
FINE = AppendRowsResponse(append_result=AppendRowsResponse.AppendResult())


def rows(*values: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"value": list(values)})


def append(answer: Callable[[pa.RecordBatch], Any], batch: pa.RecordBatch) -> tuple[list[Any], Told]:
    with a_scripted_write(answer) as (script, client):
        appender = TableAppender(client, "projects/p/datasets/d/tables/t")
        try:
            return appender.append(batch), script
        finally:
            appender.close()


def refusing(*bad: int) -> Callable[[pa.RecordBatch], AppendRowsResponse]:
    """Name the bad rows, and write nothing of a request that holds one."""

    def answer(batch: pa.RecordBatch) -> AppendRowsResponse:
        errors = [
            RowError(index=index, code=RowError.RowErrorCode.FIELDS_ERROR, message=f"bad value {value}")
            for index, value in enumerate(batch.column(0).to_pylist())
            if value in bad
        ]
        status = Status(code=INVALID_ARGUMENT, message="rows") if errors else None
        return AppendRowsResponse(row_errors=errors, error=status) if errors else FINE

    return answer


def test_rows_that_are_accepted_are_written_once_and_in_order() -> None:
    refusals, script = append(lambda _: FINE, rows(1, 2, 3))
    assert (refusals, script.written) == ([], [1, 2, 3])


def test_nothing_is_sent_for_no_rows() -> None:
    assert append(lambda _: FINE, rows(1).slice(0, 0))[1].requests == []


def test_a_row_refused_by_index_is_told_and_its_neighbours_are_written() -> None:
    refusals, script = append(refusing(20, 40), rows(10, 20, 30, 40, 50))
    assert [(refusal.index, refusal.reason) for refusal in refusals] == [
        (1, Reason.REFUSED_BY_BIGQUERY),
        (3, Reason.REFUSED_BY_BIGQUERY),
    ]
    assert script.written == [10, 30, 50]
    assert "40" not in refusals[1].detail, "BigQuery's text may hold the value"


def test_a_batch_refused_as_a_whole_is_halved_down_to_the_guilty_row() -> None:
    def answer(batch: pa.RecordBatch) -> AppendRowsResponse:
        guilty = 37 in batch.column(0).to_pylist()
        return AppendRowsResponse(error=Status(code=INVALID_ARGUMENT, message="?")) if guilty else FINE

    refusals, script = append(answer, rows(*range(64)))
    assert [refusal.index for refusal in refusals] == [37]
    assert sorted(script.written) == [number for number in range(64) if number != 37]
    assert len(script.requests) <= 2 * 6 + 1


def test_a_row_over_the_limit_is_refused_before_it_is_sent() -> None:
    refusals, script = append(lambda _: FINE, rows("small", "x" * 10_000_000, "small too"))
    assert [(refusal.index, refusal.reason) for refusal in refusals] == [(1, Reason.ROW_TOO_LARGE)]
    assert sorted(script.written) == ["small", "small too"]


@pytest.mark.parametrize("status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_passing_failure_is_tried_again(status: grpc.StatusCode) -> None:
    failures = [grpc.RpcError(status, "later")]

    def answer(_: pa.RecordBatch) -> AppendRowsResponse:
        if failures:
            raise failures.pop()
        return FINE

    refusals, script = append(answer, rows(1, 2))
    assert (refusals, script.written) == ([], [1, 2])


@pytest.mark.parametrize("status", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED])
def test_a_missing_table_or_permission_blames_no_row_and_names_the_remedy(status: grpc.StatusCode) -> None:
    def answer(_: pa.RecordBatch) -> AppendRowsResponse:
        raise grpc.RpcError(status, "no")

    with pytest.raises(AppendError, match=r"tables/t.*headrace provision.*dataEditor"):
        append(answer, rows(1))
