"""The result of an append at an offset, derived from BigQuery's answer. Both engines use this rule.

Status codes are those of ``google.rpc.Code``; error names are those of the Storage Write API's ``StorageErrorCode``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from google.rpc import code_pb2 as code

from headrace.errors import Exit, HeadraceError


class AppendResult(StrEnum):
    """The result of one append, which determines the next step."""

    WRITTEN = "written"  # each row is in the table, once
    UNKNOWN = "unknown"  # perhaps written: append the same bytes at the same offset again
    ROWS_REFUSED = "rows_refused"  # nothing was written; the answer names the offending rows
    BATCH_REFUSED = "batch_refused"  # nothing was written, and no row is named: halve the batch
    STREAM_GONE = "stream_gone"  # finalised or deleted: find out which rows it has, then open another
    BLOCKED = "blocked"  # somebody must correct the table or a permission: wait; no row is at fault
    HALT = "halt"  # the stream has rows that nobody committed: another writer, or an old copy of the state


class HaltError(HeadraceError, RuntimeError, error_code="HR-501", exit_code=Exit.HALTED):
    """A stream has rows that nobody committed, or the state is an old copy. Nothing more may be written."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: *status* is 0 for success, and *storage* is the service's own name of an error.

    *refused* maps the index of each refused row to the name of its error and, if the service names it, the column.
    *refusal* says the same of a batch that is refused as a whole.
    """

    status: int = code.OK
    storage: str = ""
    refused: Mapping[int, str] = field(default_factory=dict)
    refusal: str = "INVALID_ARGUMENT"

    @property
    def error(self) -> str:
        """The service's own name of the error, else the name of the status, else its number.

        >>> Answer(code.UNAVAILABLE).error, Answer(99).error
        ('UNAVAILABLE', '99')
        """
        names = {status: name for name, status in code.Code.items()}
        return self.storage or names.get(self.status, str(self.status))


_BY_STORAGE: Final = {
    "OFFSET_OUT_OF_RANGE": AppendResult.HALT,
    "STREAM_FINALIZED": AppendResult.STREAM_GONE,
    "STREAM_NOT_FOUND": AppendResult.STREAM_GONE,
    "INVALID_STREAM_STATE": AppendResult.STREAM_GONE,
    "TABLE_NOT_FOUND": AppendResult.STREAM_GONE,  # an attempt to open another shows whether the table exists again
    "SCHEMA_MISMATCH_EXTRA_FIELDS": AppendResult.BLOCKED,
}
_BY_STATUS: Final[Mapping[int, AppendResult]] = {
    code.OK: AppendResult.WRITTEN,
    code.OUT_OF_RANGE: AppendResult.HALT,
    code.FAILED_PRECONDITION: AppendResult.STREAM_GONE,  # the emulator's answer for a finalised stream
    code.NOT_FOUND: AppendResult.STREAM_GONE,  # the stream or its table: an attempt to open another shows which
    code.INVALID_ARGUMENT: AppendResult.BATCH_REFUSED,
    code.PERMISSION_DENIED: AppendResult.BLOCKED,
    code.UNAUTHENTICATED: AppendResult.BLOCKED,
    code.CANCELLED: AppendResult.UNKNOWN,
    code.UNKNOWN: AppendResult.UNKNOWN,
    code.DEADLINE_EXCEEDED: AppendResult.UNKNOWN,
    code.RESOURCE_EXHAUSTED: AppendResult.UNKNOWN,
    code.ABORTED: AppendResult.UNKNOWN,
    code.INTERNAL: AppendResult.UNKNOWN,
    code.UNAVAILABLE: AppendResult.UNKNOWN,
}


def interpret(answer: Answer, attempted: bool) -> AppendResult:
    """Return the meaning of *answer*; with *attempted*, the same bytes may have been sent to this offset before.

    If the offset is already taken, an earlier attempt of this job took it, or another writer if there was no attempt.

    >>> interpret(Answer(code.ALREADY_EXISTS), attempted=True).value
    'written'
    >>> interpret(Answer(code.ALREADY_EXISTS), attempted=False).value
    'halt'
    """
    if answer.refused:
        return AppendResult.ROWS_REFUSED
    if answer.status == code.ALREADY_EXISTS or answer.storage == "OFFSET_ALREADY_EXISTS":
        return AppendResult.WRITTEN if attempted else AppendResult.HALT
    return _BY_STORAGE.get(answer.storage) or _BY_STATUS.get(answer.status, AppendResult.HALT)
