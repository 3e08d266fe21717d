"""The errors of the journal, and their texts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from headrace.errors import Exit, HeadraceError
from headrace.runtime.retry_policy import RetryableError

START_AFRESH: Final = "move the folder away to start afresh: messages that come again are then looked up in the tables"
ELSEWHERE: Final = "put the journal on a disk that the job may write: `journal` in headrace.toml, or --journal"


class JournalError(HeadraceError, RuntimeError, error_code="HR-502", exit_code=Exit.CONFIGURATION):
    """The journal cannot be used. The text gives the cause and the remedy."""


class JournalBrokenError(JournalError, error_code="HR-503", exit_code=Exit.HALTED):
    """A write to the journal failed before it was complete, so the state on disk is unknown."""


class DiskFullError(JournalError, RetryableError, error_code="HR-504", exit_code=Exit.CONFIGURATION):
    """The disk has no room for another transaction. Nothing of the transaction was stored."""


def damaged(directory: Path) -> str:
    """Return the error text for a journal whose content differs from what was written."""
    return f"{directory}: the journal is damaged: it does not hold what was written; {START_AFRESH}"


def half_written(directory: Path) -> str:
    """Return the error text for a journal whose disk failed during a write."""
    return f"{directory}: the disk failed while the journal was written, so its content is unknown; {START_AFRESH}"


def is_damage(error: BaseException) -> bool:
    """Return whether SQLite read other bytes than it wrote.

    A disk that only fails can be repaired, and its content may be correct.
    """
    return not isinstance(error, apsw.IOError | apsw.FullError) or getattr(error, "extendedresult", 0) in (
        apsw.SQLITE_IOERR_DATA,
        apsw.SQLITE_IOERR_SHORT_READ,
        apsw.SQLITE_IOERR_CORRUPTFS,
    )
