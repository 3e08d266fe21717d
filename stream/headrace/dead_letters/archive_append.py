"""Appends to a table of the archive, retried while BigQuery does not confirm them."""

from __future__ import annotations

from functools import partial
from typing import Final, assert_never

from google.rpc import code_pb2 as code

from headrace.bigquery.append_result import Answer, AppendResult, interpret
from headrace.bigquery.write_streams import Rows, WriteStreams
from headrace.errors import Exit, HeadraceError
from headrace.runtime.call_failures import plain
from headrace.runtime.retry_policy import RetryableError, call

RETRY_SECONDS: Final = 60.0


class ArchiveError(HeadraceError, RuntimeError, error_code="HR-701", exit_code=Exit.CONFIGURATION):
    """The archive accepts no rows. The text names the table, the cause and the remedy. The caller may append again."""


class UnconfirmedAppendError(ArchiveError, RetryableError, error_code="HR-710", exit_code=Exit.UNREACHABLE):
    """BigQuery did not confirm rows of the archive. They may be in the table."""


def append(streams: WriteStreams, path: str, rows: Rows) -> None:
    """Append *rows* to the table ``projects/P/datasets/D/tables/T`` at least once; return when BigQuery has confirmed.

    Raises:
        ArchiveError: BigQuery refused the rows, or did not confirm them within RETRY_SECONDS.
    """
    call(partial(_append_once, streams, path, rows), RETRY_SECONDS)


def _append_once(streams: WriteStreams, path: str, rows: Rows) -> None:
    answer = streams.append(f"{path}/streams/_default", None, rows)
    result = interpret(answer, attempted=True)
    match result:
        case AppendResult.WRITTEN:
            return
        case AppendResult.UNKNOWN:
            raise UnconfirmedAppendError(f"{plain(path)}: {_unconfirmed(answer)}; try again later")
        case AppendResult.STREAM_GONE:
            raise ArchiveError(f"{plain(path)}: the table does not exist; `headrace provision` creates it")
        case AppendResult.BLOCKED:
            raise ArchiveError(f"{plain(path)}: {_blocked(answer)}")
        case AppendResult.ROWS_REFUSED | AppendResult.BATCH_REFUSED | AppendResult.HALT:
            name = next(iter(answer.refused.values()), "") or answer.error
            remedy = "compare the table with `headrace provision --dry-run`"
            raise ArchiveError(f"{plain(path)}: BigQuery refuses the rows ({name}); {remedy}")
        case _:
            assert_never(result)


def _unconfirmed(answer: Answer) -> str:
    match answer.status:
        case code.DEADLINE_EXCEEDED:
            return "BigQuery did not answer in time"
        case code.RESOURCE_EXHAUSTED:
            return "BigQuery refuses for now: too many requests"
        case _:
            return f"BigQuery did not confirm the rows ({answer.error})"


def _blocked(answer: Answer) -> str:
    if answer.storage == "SCHEMA_MISMATCH_EXTRA_FIELDS":
        return "it lacks a column; `headrace provision` adds it"
    if answer.status == code.UNAUTHENTICATED:
        return "no valid credentials; sign in, or run as an account that has some"
    return "permission denied; bigquery.tables.updateData is needed on it (docs/permissions.md)"
