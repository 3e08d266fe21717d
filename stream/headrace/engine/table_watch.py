"""A watch for tables that are recreated, emptied or restored, which makes remembered facts about their rows invalid."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import structlog
from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from headrace.bigquery.table_identity import Looked, look_at_table, missing_witnesses
from headrace.engine.check_intervals import LOOKS_A_SECOND, interval
from headrace.engine.journal import Journal
from headrace.engine.status import SubjectStatus
from headrace.engine.witnesses import parse_witnesses
from headrace.errors import Exit, HeadraceError
from headrace.runtime.retry_policy import CALL_ERRORS

LOOK_SECONDS: Final = 10.0  # a look is one request, which BigQuery does not charge
OVERDUE: Final = 2  # times the interval of looks
WITNESS_SECONDS: Final = 600.0  # between two queries for rows, which cost money
_WHERE: Final = "table"
_LOG = structlog.get_logger("headrace")


class TableReplacedError(HeadraceError, RuntimeError, error_code="HR-508", exit_code=Exit.UNREACHABLE):
    """A table was replaced during work that must begin again. The text names the lost rows and the remedy."""


class Change(StrEnum):
    """The cause for which remembered facts about a table's rows are invalid."""

    NEW = "the journal does not know it yet"
    REPLACED = "it is another table than before: recreated, or restored under its name"
    EMPTIED = "rows that were written to it are gone: it was truncated, restored to an earlier state, or rows deleted"


class TableWatch:
    """A watch on one table, which is *target* in the journal and *sql* in SQL.

    *seconds* is a monotonic clock. *changed* is called when a change is seen that nobody has handled. Thread-safe.
    """

    def __init__(
        self,
        target: str,
        sql: str,
        *,
        journal: Journal,
        client: bigquery.Client,
        status: SubjectStatus,
        seconds: Callable[[], float] = time.monotonic,
        witness_seconds: float = WITNESS_SECONDS,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._target = target
        self._sql = sql
        self._journal = journal
        self._client = client
        self._status = status
        self._seconds = seconds
        self._changed = changed
        self.witness_seconds = witness_seconds
        self.look_seconds = LOOK_SECONDS
        self._looked_at = seconds()
        self._lock = threading.Lock()
        self._looked: Looked | None = None
        self._seen: bigquery.Table | None = None
        self._asked_at: float | None = None
        self._is_change_open = threading.Event()

    @property
    def is_change_open(self) -> bool:
        """Whether a change was seen that nobody has handled."""
        return self._is_change_open.is_set()

    def look(self, ask_for_rows: bool = True) -> Change | None:
        """Compare the table with the records in the journal; return the change, or None if no change is visible.

        Without *ask_for_rows*, do not query whether written rows are still in the table. Raise the client's errors, and
        NotFound if the table does not exist.
        """
        with self._lock:
            before, self._seen = self._looked, None
            self._looked_at = self._seconds()
            looked = self._looked = look_at_table(self._client, self._sql)
            self._seen = looked.table
            kept = self._journal.identity(self._target)
            if kept != looked.identity:
                return Change.NEW if kept is None else Change.REPLACED
            if ask_for_rows and self._is_due(looked, before) and self._misses_rows(looked):
                return Change.EMPTIED
            return None

    def watch(self) -> None:
        """Look at the table, and record a change in the status. Do not report a table that cannot be read."""
        try:
            change = self.look()
        except NotFound:
            self._say("it does not exist; `headrace provision` makes it, and rows that were in it are lost with it")
            return
        except CALL_ERRORS as error:
            _LOG.debug("table_not_seen", table=self._target, error=type(error).__name__)
            return
        if change is not None:
            self._say(f"{change.value}; the job forgets the ids of its former rows")
            self._is_change_open.set()
            self._changed()
        else:
            self._status.unblock(_WHERE)

    @property
    def is_overdue(self) -> bool:
        """Whether the last look is so long ago that the table may have been replaced since."""
        return self._seconds() > self._looked_at + OVERDUE * self.look_seconds

    def seen(self, seconds: float) -> bigquery.Table | None:
        """Return the table that the last look found, or None if it was more than *seconds* ago or found no table."""
        return self._seen if self._seconds() <= self._looked_at + seconds else None

    @property
    def identity(self) -> str:
        """The identity of the table at the last look."""
        assert self._looked is not None  # noqa: S101 asked for after a look
        return self._looked.identity

    def is_as_it_was(self) -> None:
        """Withdraw a change that was already handled."""
        self._is_change_open.clear()
        self._status.unblock(_WHERE)

    def adopted(self, change: Change) -> None:
        """Report that the table is served in its current state, with a notice about the change."""
        self.is_as_it_was()
        if change is not Change.NEW:
            sentence = f"{self._sql}: {change.value}; older messages are looked up in it from now on"
            self._status.notice(_WHERE, sentence)
            _LOG.warning("table_changed", table=self._target, what=sentence)

    def _is_due(self, looked: Looked, before: Looked | None) -> bool:
        fell = before is not None and looked.rows < before.rows
        is_time = self._asked_at is None or self._seconds() >= self._asked_at + self.witness_seconds
        return is_time or fell or self.is_change_open  # the look that handles a change must see it again

    def _misses_rows(self, looked: Looked) -> bool:
        witnesses = parse_witnesses(self._journal.witnesses(self._target))
        self._asked_at = self._seconds()
        return missing_witnesses(self._client, looked, witnesses) > 0

    def _say(self, what: str) -> None:
        if self._status.block(_WHERE, f"{self._sql}: {what}"):
            _LOG.warning("table_differs", table=self._target, what=what)


def watch_on(watches: Callable[[], Sequence[TableWatch]], stop: threading.Event, seconds: float) -> None:
    """Look at each table every *seconds*, or less often if there are many, until the engine stops."""
    while True:
        every = watches()
        pause = interval(seconds, len(every), LOOKS_A_SECOND) / len(every)
        for each in every:
            if stop.wait(pause):
                return
            each.watch()
