"""Appends to the archive are retried while it is unknown whether they arrived, and errors name their true cause."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from google.rpc import code_pb2 as code

from headrace.bigquery.append_result import Answer
from headrace.bigquery.write_streams import Rows
from headrace.dead_letters.archive_append import ArchiveError, UnconfirmedAppendError, append
from headrace.errors import Exit
from headrace.runtime.exit_codes import explain
from tests.support.retries import Sleeper, a_sleeper

PATH = "projects/p/datasets/d/tables/letters"
ROWS = Rows(b"schema", b"rows")
REFUSED = {
    "permission denied; bigquery.tables.updateData is needed on it (docs/permissions.md)": Answer(
        code.PERMISSION_DENIED
    ),
    "no valid credentials; sign in, or run as an account that has some": Answer(code.UNAUTHENTICATED),
    "it lacks a column; `headrace provision` adds it": Answer(code.INVALID_ARGUMENT, "SCHEMA_MISMATCH_EXTRA_FIELDS"),
    "the table does not exist; `headrace provision` creates it": Answer(code.NOT_FOUND),
    "BigQuery refuses the rows (FIELDS_ERROR); compare the table with `headrace provision --dry-run`": Answer(
        code.INVALID_ARGUMENT, refused={0: "FIELDS_ERROR"}
    ),
    "BigQuery refuses the rows (INVALID_ARGUMENT); compare the table with `headrace provision --dry-run`": Answer(
        code.INVALID_ARGUMENT
    ),
}
UNCONFIRMED = {
    "BigQuery did not answer in time": Answer(code.DEADLINE_EXCEEDED),
    "BigQuery refuses for now: too many requests": Answer(code.RESOURCE_EXHAUSTED),
    "BigQuery did not confirm the rows (UNAVAILABLE)": Answer(code.UNAVAILABLE),
}


class Streams:
    """Write streams that give these answers, the last one for good."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, int | None, Rows]] = []

    def append(self, stream: str, offset: int | None, rows: Rows) -> Answer:
        self.asked.append((stream, offset, rows))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> Sleeper:
    return a_sleeper(monkeypatch)


def appended(*answers: Answer) -> Streams:
    streams: Any = Streams(answers)
    append(streams, PATH, ROWS)
    return streams  # type: ignore[no-any-return]


def test_rows_that_are_confirmed_are_sent_once_to_the_default_stream(sleeper: Sleeper) -> None:
    assert appended(Answer()).asked == [(f"{PATH}/streams/_default", None, ROWS)]
    assert sleeper.pauses == []


def test_rows_that_are_not_confirmed_are_sent_again_after_growing_pauses(sleeper: Sleeper) -> None:
    streams = appended(Answer(code.UNAVAILABLE), Answer(code.DEADLINE_EXCEEDED), Answer())
    assert [rows for _, _, rows in streams.asked] == [ROWS] * 3
    first, second = sleeper.pauses
    assert 0 < first <= second


@pytest.mark.parametrize(("expected", "answer"), REFUSED.items())
def test_a_refusal_is_raised_at_once_with_its_cause(expected: str, answer: Answer, sleeper: Sleeper) -> None:
    with pytest.raises(ArchiveError) as raised:
        appended(answer)
    assert str(raised.value) == f"p.d.letters: {expected}"
    assert explain(raised.value)[0] is Exit.CONFIGURATION
    assert sleeper.pauses == []


@pytest.mark.parametrize(("expected", "answer"), UNCONFIRMED.items())
def test_a_time_out_is_not_reported_as_a_missing_permission(expected: str, answer: Answer, sleeper: Sleeper) -> None:
    with pytest.raises(UnconfirmedAppendError) as raised:
        appended(answer)
    assert str(raised.value) == f"p.d.letters: {expected}; try again later"
    assert explain(raised.value)[0] is Exit.UNREACHABLE
    assert len(sleeper.pauses) > 3
