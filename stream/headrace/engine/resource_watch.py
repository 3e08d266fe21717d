"""Regular checks of the resources of a running engine against their contracts.

While a resource differs, its subject is not ready, reports the resource and the remedy, and is not reported as
complete. It continues to pull and to write, so that no event is lost that arrives.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import bigquery

from headrace.bigquery.table_changes import table_problems
from headrace.core.micro_batch import to_ipc
from headrace.core.tally import gap_tally
from headrace.engine.check_intervals import CHECKS_A_SECOND, FIRST_CHECKS_A_SECOND, interval
from headrace.engine.continuity import Gap
from headrace.engine.journal import Journal
from headrace.engine.sources import Source
from headrace.engine.status import LETTERS, RESOURCES, SubjectStatus
from headrace.runtime.retry_policy import NO_RETRY, RETRYABLE
from headrace.steps.mask.token_history import version_problem

CHECK_SECONDS: Final = 30.0
AGAIN_SECONDS: Final = 5.0  # after a problem or a failed check, because the resource may be corrected soon
CALL_SECONDS: Final = 10.0
_LOG = structlog.get_logger("headrace")


@dataclass(frozen=True, slots=True)
class Watched:
    """One subject: the source of its events, and its wanted *table*."""

    subject: str
    source: Source
    table: bigquery.Table
    seen: Callable[[float], bigquery.Table | None]  # returns the table if it was read within a number of seconds
    token_version: str | None  # without one, no field becomes a token
    status: SubjectStatus


class Watch:
    """The checks of all running subjects, until *stop* is set.

    *location* is the wanted location of the tables. *letters* checks the subscription of dead letters and returns its
    problems.
    """

    def __init__(
        self,
        subjects: Callable[[], Sequence[Watched]],
        *,
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
        self._letters_problems: list[str] = []

    def run(self) -> None:
        """Check one subject after another.

        Check each about every CHECK_SECONDS, less often if there are many, and every AGAIN_SECONDS while it has a
        problem.
        """
        due: dict[str, float] = {}
        letters_due, pause = 0.0, 0.0
        while not self._stop.wait(pause):
            pause = 1 / FIRST_CHECKS_A_SECOND
            subjects, now = self._subjects(), time.monotonic()
            if not subjects:
                continue
            if now >= letters_due:
                letters_due = now + (CHECK_SECONDS if self._look_at_letters(subjects) else AGAIN_SECONDS)
            each = min(subjects, key=lambda one: due.get(one.subject, 0.0))
            if each.subject in due:
                pause = 1 / CHECKS_A_SECOND
            if due.get(each.subject, 0.0) <= now:
                every = interval(CHECK_SECONDS, len(subjects), CHECKS_A_SECOND)
                self.look(each, every)
                due[each.subject] = now + (every if each.status.resources_right else AGAIN_SECONDS)

    def look(self, watched: Watched, every: float = 0.0) -> None:
        """Check one subject's resources, and record their problems.

        Use the last look at its table if that was at most *every* seconds ago.
        """
        status = watched.status
        _note(status, LETTERS, self._letters_problems)
        try:
            problems = [*watched.source.look(), *self._problems_of(watched, every)]
            watched.source.settle_gaps(lambda gap: self._commit(watched.subject, gap))
        except RETRYABLE as error:  # the state is unknown; the callers that use the resource report their problems
            status.resources_right = False
            _LOG.debug("resources_unknown", subject=watched.subject, error=type(error).__name__)
            return
        status.resources_right = not problems
        _note(status, RESOURCES, problems)

    def _problems_of(self, watched: Watched, every: float) -> list[str]:
        table = watched.table
        name = f"{table.project}.{table.dataset_id}.{table.table_id}"
        try:
            existing = watched.seen(every) or self._client.get_table(table, retry=NO_RETRY, timeout=CALL_SECONDS)
        except NotFound:
            return [f"{name}: the table does not exist; `headrace provision` creates it"]
        except Forbidden:
            return [f"{name}: cannot be checked; the job needs bigquery.tables.get on it"]
        problems = table_problems(existing, table, self._location)
        other_version = version_problem(existing.description, watched.token_version)
        return [f"{name}: {problem}" for problem in [*problems, *([other_version] if other_version else [])]]

    def _look_at_letters(self, subjects: Sequence[Watched]) -> bool:
        """Check the subscription of dead letters; return whether it has no problem."""
        try:
            problems = self._letters_problems = self._letters()
        except RETRYABLE as error:
            _LOG.debug("resources_unknown", subject="dead letters", error=type(error).__name__)
            return False
        for each in subjects:
            _note(each.status, LETTERS, problems)
        return not problems

    def _commit(self, subject: str, gap: Gap) -> None:
        with self._journal.transaction() as transaction:
            transaction.tally(to_ipc(gap_tally(subject, gap.since, gap.until, gap.reason).counts))
        _LOG.warning("events_may_be_missing", subject=subject, published=gap.reason)


def _note(status: SubjectStatus, where: str, problems: Sequence[str]) -> None:
    if problems:
        if status.block(where, "; ".join(problems)):
            _LOG.warning("blocked", subject=status.subject, needs="; ".join(problems))
    elif status.unblock(where):
        _LOG.info("recovered", subject=status.subject)
