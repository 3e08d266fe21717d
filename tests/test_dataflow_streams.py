"""What the ledger hears when BigQuery answers in every way it may; the server is scripted, the wire is real."""

from __future__ import annotations

from typing import Any

import grpc
import pyarrow as pa
import pytest
from google.cloud.bigquery_storage_v1.types import AppendRowsResponse, RowError, StorageError
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status

from stream.dataflow.streams import TableStreams
from stream.verdicts import Answer, Verdict, judge
from tests.faults.scripted_memory import a_scripted_write

TABLE = "projects/p/datasets/d/tables/t"
ROWS = pa.RecordBatch.from_pydict({"value": [1, 2]})


def hear(answer: Any) -> Answer:
    def script(_: pa.RecordBatch) -> AppendRowsResponse:
        if isinstance(answer, grpc.StatusCode):
            raise grpc.RpcError(answer, "no")
        return AppendRowsResponse(answer)

    with a_scripted_write(script) as (_, client):
        return TableStreams(client, TABLE).append(f"{TABLE}/streams/s", 7, ROWS)


def error(code: int, name: str) -> AppendRowsResponse:
    storage = StorageError(code=StorageError.StorageErrorCode[name], entity=TABLE, error_message="a value")
    packed = Packed()
    packed.Pack(StorageError.pb(storage))
    return AppendRowsResponse(error=Status(code=code, message="a value", details=[packed]))


def test_what_is_appended_is_said_to_be() -> None:
    fine = AppendRowsResponse(append_result=AppendRowsResponse.AppendResult(offset=7))
    assert hear(fine) == Answer()


@pytest.mark.parametrize(
    ("status", "name", "verdict"),
    [
        (code_pb2.ALREADY_EXISTS, "OFFSET_ALREADY_EXISTS", Verdict.WRITTEN),
        (code_pb2.OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE", Verdict.HALT),
        (code_pb2.INVALID_ARGUMENT, "STREAM_FINALIZED", Verdict.STREAM_GONE),
        (code_pb2.NOT_FOUND, "TABLE_NOT_FOUND", Verdict.BLOCKED),
        (code_pb2.INVALID_ARGUMENT, "SCHEMA_MISMATCH_EXTRA_FIELDS", Verdict.BLOCKED),
    ],
)
def test_an_error_in_the_answer_keeps_the_service_s_own_name(status: int, name: str, verdict: Verdict) -> None:
    answer = hear(error(status, name))
    assert answer == Answer(status, name)
    assert judge(answer, attempted=True) is verdict


def test_rows_that_are_refused_are_named_without_their_values() -> None:
    bad = RowError(index=1, code=RowError.RowErrorCode.FIELDS_ERROR, message="bad value 2")
    answer = hear(AppendRowsResponse(row_errors=[bad], error=Status(code=code_pb2.INVALID_ARGUMENT)))
    assert answer == Answer(code_pb2.INVALID_ARGUMENT, "", {1: "FIELDS_ERROR"})


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (grpc.StatusCode.UNAVAILABLE, Verdict.UNKNOWN),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Verdict.UNKNOWN),
        (grpc.StatusCode.NOT_FOUND, Verdict.STREAM_GONE),
        (grpc.StatusCode.PERMISSION_DENIED, Verdict.BLOCKED),
    ],
)
def test_a_call_that_fails_is_an_answer_too(status: grpc.StatusCode, verdict: Verdict) -> None:
    answer = hear(status)
    assert answer == Answer(status.value[0])
    assert judge(answer, attempted=True) is verdict
