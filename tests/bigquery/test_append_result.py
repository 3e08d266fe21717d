"""What each answer of BigQuery means, for an append that may have been sent before and for one that was not."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2 as code

from headrace.bigquery.append_result import Answer, Verdict, judge

BY_STATUS = {
    code.OK: Verdict.WRITTEN,
    code.CANCELLED: Verdict.UNKNOWN,
    code.UNKNOWN: Verdict.UNKNOWN,
    code.INVALID_ARGUMENT: Verdict.BATCH_REFUSED,
    code.DEADLINE_EXCEEDED: Verdict.UNKNOWN,
    code.NOT_FOUND: Verdict.STREAM_GONE,
    code.ALREADY_EXISTS: Verdict.HALT,
    code.PERMISSION_DENIED: Verdict.BLOCKED,
    code.RESOURCE_EXHAUSTED: Verdict.UNKNOWN,
    code.FAILED_PRECONDITION: Verdict.STREAM_GONE,
    code.ABORTED: Verdict.UNKNOWN,
    code.OUT_OF_RANGE: Verdict.HALT,
    code.UNIMPLEMENTED: Verdict.HALT,
    code.INTERNAL: Verdict.UNKNOWN,
    code.UNAVAILABLE: Verdict.UNKNOWN,
    code.DATA_LOSS: Verdict.HALT,
    code.UNAUTHENTICATED: Verdict.BLOCKED,
}


def test_every_status_has_a_meaning() -> None:
    assert set(BY_STATUS) == set(code.Code.values())


@pytest.mark.parametrize(("status", "verdict"), BY_STATUS.items())
def test_a_status_means(status: int, verdict: Verdict) -> None:
    assert judge(Answer(status), attempted=False) is verdict


def test_a_status_that_nobody_knows_halts() -> None:
    assert judge(Answer(99), attempted=True) is Verdict.HALT


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        pytest.param(Answer(code.ALREADY_EXISTS), Verdict.WRITTEN, id="by status"),
        pytest.param(Answer(code.UNKNOWN, "OFFSET_ALREADY_EXISTS"), Verdict.WRITTEN, id="by storage code"),
        pytest.param(Answer(code.OUT_OF_RANGE), Verdict.HALT, id="a gap stays a gap"),
    ],
)
def test_an_offset_that_an_earlier_attempt_may_have_taken(answer: Answer, verdict: Verdict) -> None:
    assert judge(answer, attempted=True) is verdict


@pytest.mark.parametrize(
    ("storage", "verdict"),
    [
        ("OFFSET_ALREADY_EXISTS", Verdict.HALT),
        ("OFFSET_OUT_OF_RANGE", Verdict.HALT),
        ("STREAM_FINALIZED", Verdict.STREAM_GONE),
        ("STREAM_NOT_FOUND", Verdict.STREAM_GONE),
        ("INVALID_STREAM_STATE", Verdict.STREAM_GONE),
        ("TABLE_NOT_FOUND", Verdict.STREAM_GONE),
        ("SCHEMA_MISMATCH_EXTRA_FIELDS", Verdict.BLOCKED),
        ("A_CODE_OF_TOMORROW", Verdict.UNKNOWN),
    ],
)
def test_the_storage_code_says_more_than_the_status(storage: str, verdict: Verdict) -> None:
    assert judge(Answer(code.INTERNAL, storage), attempted=False) is verdict


@pytest.mark.parametrize("attempted", [False, True])
def test_rows_that_are_named_are_refused_whatever_the_status(attempted: bool) -> None:
    assert judge(Answer(code.INVALID_ARGUMENT, refused={3: "FIELDS_ERROR"}), attempted) is Verdict.ROWS_REFUSED
