"""What each answer of BigQuery means, for an append that may have been sent before and for one that was not."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2 as code

from headrace.bigquery.append_result import Answer, AppendResult, interpret

BY_STATUS = {
    code.OK: AppendResult.WRITTEN,
    code.CANCELLED: AppendResult.UNKNOWN,
    code.UNKNOWN: AppendResult.UNKNOWN,
    code.INVALID_ARGUMENT: AppendResult.BATCH_REFUSED,
    code.DEADLINE_EXCEEDED: AppendResult.UNKNOWN,
    code.NOT_FOUND: AppendResult.STREAM_GONE,
    code.ALREADY_EXISTS: AppendResult.HALT,
    code.PERMISSION_DENIED: AppendResult.BLOCKED,
    code.RESOURCE_EXHAUSTED: AppendResult.UNKNOWN,
    code.FAILED_PRECONDITION: AppendResult.STREAM_GONE,
    code.ABORTED: AppendResult.UNKNOWN,
    code.OUT_OF_RANGE: AppendResult.HALT,
    code.UNIMPLEMENTED: AppendResult.HALT,
    code.INTERNAL: AppendResult.UNKNOWN,
    code.UNAVAILABLE: AppendResult.UNKNOWN,
    code.DATA_LOSS: AppendResult.HALT,
    code.UNAUTHENTICATED: AppendResult.BLOCKED,
}


def test_every_status_has_a_meaning() -> None:
    assert set(BY_STATUS) == set(code.Code.values())


@pytest.mark.parametrize(("status", "result"), BY_STATUS.items())
def test_a_status_means(status: int, result: AppendResult) -> None:
    assert interpret(Answer(status), attempted=False) is result


def test_an_unknown_status_halts() -> None:
    assert interpret(Answer(99), attempted=True) is AppendResult.HALT


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        pytest.param(Answer(code.ALREADY_EXISTS), AppendResult.WRITTEN, id="by status"),
        pytest.param(Answer(code.UNKNOWN, "OFFSET_ALREADY_EXISTS"), AppendResult.WRITTEN, id="by storage code"),
        pytest.param(Answer(code.OUT_OF_RANGE), AppendResult.HALT, id="a gap stays a gap"),
    ],
)
def test_an_offset_that_an_earlier_attempt_may_have_taken(answer: Answer, result: AppendResult) -> None:
    assert interpret(answer, attempted=True) is result


@pytest.mark.parametrize(
    ("storage", "result"),
    [
        ("OFFSET_ALREADY_EXISTS", AppendResult.HALT),
        ("OFFSET_OUT_OF_RANGE", AppendResult.HALT),
        ("STREAM_FINALIZED", AppendResult.STREAM_GONE),
        ("STREAM_NOT_FOUND", AppendResult.STREAM_GONE),
        ("INVALID_STREAM_STATE", AppendResult.STREAM_GONE),
        ("TABLE_NOT_FOUND", AppendResult.STREAM_GONE),
        ("SCHEMA_MISMATCH_EXTRA_FIELDS", AppendResult.BLOCKED),
        ("A_CODE_OF_TOMORROW", AppendResult.UNKNOWN),
    ],
)
def test_the_storage_code_says_more_than_the_status(storage: str, result: AppendResult) -> None:
    assert interpret(Answer(code.INTERNAL, storage), attempted=False) is result


@pytest.mark.parametrize("attempted", [False, True])
def test_named_rows_are_refused_regardless_of_the_status(attempted: bool) -> None:
    assert interpret(Answer(code.INVALID_ARGUMENT, refused={3: "FIELDS_ERROR"}), attempted) is AppendResult.ROWS_REFUSED
