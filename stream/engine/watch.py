"""Looks at the resources of a running engine now and then: is each still as it should be?

While one is not, its subject is not ready, says which and the remedy, and is not said to be complete. It goes on
pulling and writing: what arrives is not lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import bigquery

from stream.batch import to_ipc
from stream.engine.continuity import Gap
from stream.engine.intake import Source
from stream.engine.journal import Journal
from stream.engine.patience import TROUBLE
from stream.engine.spread import CHECKS_A_SECOND, FIRST_CHECKS_A_SECOND, interval
from stream.engine.status import LETTERS, RESOURCES, SubjectStatus
from stream.table_changes import table_problems
from stream.tallies import gap_tally
from stream.token_history import version_problem

CHECK_SECONDS: Final = 30.0
FIRST_SECONDS: Final = 0.1  # until the first subjects run
CALL_SECONDS: Final = 10.0
_LOG = structlog.get_logger("headrace")


@dataclass(frozen=True, slots=True)
class Watched:
    """One subject: where its events come from, and the table they go to."""

    subject: str
    source: Source
    table: bigquery.Table
    token_version: str | None  # None: no field becomes a token
    status: SubjectStatus


class Watch:
    """Watches the subjects that run, until *stop*; *location* is where the tables should be, *letters* looks at where
    dead letters are kept and returns what is wrong with that."""

    def __init__(
        self,
        subjects: Callable[[], Sequence[Watched]],
        client: bigquery.Client,
        location: str | None,
        letters: Callable[[], list[str]],
        journal: Journal,
        stop: threading.Event,
    ) -> None:
        self._subjects = subjects
        self._client = client
        self._location = location
        self._letters = letters
        self._journal = journal
        self._stop = stop

    def run(self) -> None:
        """Look at one subject after the other, each about every CHECK_SECONDS, or more seldom when they are many."""
        seen: set[str] = set()
        while not self._stop.wait(FIRST_SECONDS):
            subjects = self._subjects()
            self._look_at_letters(subjects)
            for each in subjects:
                a_second = CHECKS_A_SECOND if each.subject in seen else FIRST_CHECKS_A_SECOND
                seen.add(each.subject)
                self.look(each)
                if self._stop.wait(interval(CHECK_SECONDS, len(subjects), a_second) / len(subjects)):
                    return

    def look(self, watched: Watched) -> None:
        """Look at one subject's resources, and note what is wrong with them."""
        status = watched.status
        try:
            problems = [*watched.source.look(), *self._problems_of(watched.table, watched.token_version)]
            watched.source.settle_gaps(lambda gap: self._commit(watched.subject, gap))
        except TROUBLE as error:  # nobody knows: those who use the resource say what is in their way
            status.resources_right = False
            _LOG.debug("resources_unknown", subject=watched.subject, error=type(error).__name__)
            return
        status.resources_right = not problems
        _note(status, RESOURCES, problems)

    def _problems_of(self, table: bigquery.Table, token_version: str | None) -> list[str]:
        name = f"{table.project}.{table.dataset_id}.{table.table_id}"
        try:
            existing = self._client.get_table(table, retry=None, timeout=CALL_SECONDS)
        except NotFound:
            return [f"{name}: the table does not exist; `headrace provision` creates it"]
        except Forbidden:
            return [f"{name}: cannot be checked; the job needs bigquery.tables.get on it"]
        problems = table_problems(existing, table, self._location)
        other_version = version_problem(existing.description, token_version)
        return [f"{name}: {problem}" for problem in [*problems, *([other_version] if other_version else [])]]

    def _look_at_letters(self, subjects: Sequence[Watched]) -> None:
        try:
            problems = self._letters()
        except TROUBLE as error:
            _LOG.debug("resources_unknown", subject="dead letters", error=type(error).__name__)
            return
        for each in subjects:
            _note(each.status, LETTERS, problems)

    def _commit(self, subject: str, gap: Gap) -> None:
        with self._journal.transaction() as transaction:
            transaction.tally(to_ipc(gap_tally(subject, gap.since, gap.until, gap.reason).counts))
        _LOG.warning("events_may_be_missing", subject=subject, published=gap.reason)


def _note(status: SubjectStatus, where: str, problems: Sequence[str]) -> None:
    if problems:
        if status.block(where, "; ".join(problems)):
            _LOG.warning("blocked", subject=status.subject, needs="; ".join(problems))
    elif status.unblock(where):
        _LOG.info("mended", subject=status.subject)
