"""The loop that appends the counts in the journal to the table of tallies, combined, and each exactly once."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import pyarrow as pa

from headrace.bigquery.append_result import HaltError
from headrace.bigquery.event_table import schema_mismatches
from headrace.bigquery.existing_rows import StoredTallies
from headrace.bigquery.service_tables import tallies_table
from headrace.core.micro_batch import from_ipc, to_ipc
from headrace.core.outcome import Outcome
from headrace.core.resource_names import TALLIES, Names
from headrace.core.tally import COUNTS, Tally, add_up, tally_lost
from headrace.engine.clients import Clients
from headrace.engine.journal import Journal
from headrace.engine.pending_batch import CommitHook, Fence, PendingBatch, rows_of
from headrace.engine.retry import NEEDS_ROOM, RetryPolicy
from headrace.engine.status import SubjectStatus
from headrace.engine.table_watch import Change, TableWatch
from headrace.engine.table_writer import TableWriter
from headrace.engine.transaction import Transaction
from headrace.job import Job
from headrace.runtime.failpoints import reached
from headrace.runtime.retry_policy import NO_RETRY
from headrace.steps.tally_lines import tally_lines, tally_requests

FLUSH_SECONDS: Final = 1.0
REPEAT_MICROS: Final = 60_000_000  # after this time, a subject without events is reported as complete again
_FAILPOINTS: Final = {
    "committed": "tally_committed",
    "appended": "tally_appended",
    "outcome_committed": "tally_settled",
}


class TallyLoop:
    """A loop that appends the counts about once a second.

    *complete_until* returns the publish time until which each subject is complete, in microseconds.
    """

    def __init__(
        self,
        job: Job,
        names: Names,
        *,
        journal: Journal,
        clients: Clients,
        status: SubjectStatus,
        stop: threading.Event,
        fence: Fence,
        complete_until: Callable[[], Mapping[str, int]],
    ) -> None:
        self._job = job
        self._sql = names.sql(TALLIES)
        self._journal = journal
        self._clients = clients
        self._status = status
        self._stop = stop
        self._complete_until = complete_until
        self._reported: dict[str, int] = {}
        self._retry = RetryPolicy("tallies", status, stop)
        self.watch = TableWatch(TALLIES, self._sql, journal=journal, client=clients.bigquery, status=status)
        self._writer = TableWriter(
            TALLIES,
            job.tallies_table,
            journal=journal,
            streams=clients.streams,
            retry=self._retry,
            bookkeeping=self,
            fence=fence,
            reached=lambda name: reached(_FAILPOINTS.get(name, "")),
        )

    def recover(self) -> None:
        """Settle the tallies that an earlier process left open."""
        self._writer.recover(replaced=self._adopt() in (Change.REPLACED, Change.EMPTIED))
        self._status.ready = True

    def run(self) -> None:
        """Flush until the engine stops."""
        while not self._stop.wait(FLUSH_SECONDS):
            self.flush()

    def flush(self) -> None:
        """Append all counts so far."""
        if self.watch.is_overdue:
            self.watch.watch()
        if self.watch.is_change_open and self._adopt() is not None:
            self._writer.reopen()
        complete = self._unreported()  # before the counts, which then include all events up to these times
        last, chunks = self._journal.tallies()
        if not chunks and not complete:
            return
        now, numbers = self._job.clock(), itertools.count()
        counts = [Tally(from_ipc(chunk)) for chunk in chunks] + [_no_events(subject, now) for subject in complete]
        # A unique name: the counts are numbered, and the time tells lines without new counts apart.
        lines = tally_lines(add_up(counts), now, lambda: f"{self._journal.id}-{last}-{now}-{next(numbers)}", complete)

        def also(transaction: Transaction) -> None:
            transaction.forget_tallies(last)

        *arrivals, rest = tally_requests(lines)
        for each in arrivals:  # first, because to write numbers twice changes nothing, and counts are written once
            self._writer.write(each, _no_notes(each), lambda _: None)
        self._writer.write(rest, _no_notes(rest), also)
        self._reported |= complete

    def _unreported(self) -> dict[str, int]:
        """Return the subjects whose completeness was not reported within REPEAT_MICROS, each with its time."""
        return {
            subject: moment
            for subject, moment in self._complete_until().items()
            if moment >= self._reported.get(subject, 0) + REPEAT_MICROS
        }

    def prepare_commit(self, notes: pa.RecordBatch, rows: pa.RecordBatch) -> CommitHook:
        """Return a function without effect, because no other records are kept of tallies."""
        return lambda _: lambda: None

    def refuse(self, pending: PendingBatch, refused: Mapping[int, str]) -> Callable[[Transaction], None]:
        """Raise HaltError, because counts are never discarded."""
        raise HaltError(f"{self._sql}: BigQuery refuses tallies ({next(iter(refused.values()))}); report this")

    def stored(self, rows: pa.RecordBatch) -> Sequence[int]:
        """Return the indexes of lines whose id is in the table."""
        return StoredTallies(self._clients.bigquery, self._sql).find(rows)

    def is_replaced(self) -> bool:
        """Return whether the table of tallies was replaced, and record its new identity."""
        return self._adopt() is not None

    def _adopt(self) -> Change | None:
        """Look at the table of tallies; if it was replaced, record that the counts in the former one are lost."""
        need = f"{self._sql}: the job needs bigquery.tables.get on it; `headrace provision` makes it"
        change = self._retry.call(need, self.watch.look)
        if change is None:
            self.watch.is_as_it_was()
        else:
            identity = self.watch.identity
            begin = self._identify if change is Change.NEW else self._begin_table
            self._retry.call(NEEDS_ROOM, lambda: begin(identity))
            self.watch.adopted(change)
        return change

    def _identify(self, identity: str) -> None:
        with self._journal.transaction() as transaction:
            transaction.identify(TALLIES, identity)

    def _begin_table(self, identity: str) -> None:
        """Record the identity of the table, and tally the rows that were lost earlier and lose their counts now."""
        now, window = self._job.clock(), self._job.window
        with self._journal.transaction() as transaction:
            waiting = self._waiting()
            for subject in self._job.registry.subjects:
                table = self._job.registry.latest(subject).options.table
                lost = transaction.replace_tallies(table, waiting[subject])
                if lost:
                    transaction.tally(to_ipc(tally_lost(subject, lost, now, window).counts))
            transaction.identify(TALLIES, identity)

    def _waiting(self) -> Counter[str]:
        """Return the number of written rows of each subject whose counts are not appended yet."""
        counts = [from_ipc(chunk) for chunk in self._journal.tallies()[1]]
        lines = [rows_of(pending) for pending in self._journal.pending(TALLIES)]
        waiting: Counter[str] = Counter()
        for each in (*counts, *lines):
            for row in each.select(["subject", "outcome", "events"]).to_pylist():
                waiting[row["subject"]] += row["events"] if row["outcome"] == Outcome.WRITTEN else 0
        return waiting

    def schema_mismatches(self) -> Sequence[str]:
        """Return the differences of the table that prevent the writing of tallies."""
        table = self._clients.bigquery.get_table(self._sql.strip("`"), retry=NO_RETRY)
        return schema_mismatches(table.schema, tallies_table(table.project, table.dataset_id).schema)


def _no_notes(lines: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"none": pa.nulls(lines.num_rows)})


def _no_events(subject: str, now: int) -> Tally:
    """Return a tally without events, for a line that only reports completeness."""
    row = {"subject": subject, "outcome": str(Outcome.RECEIVED), "reason": None, "window_start": now}
    return Tally(pa.RecordBatch.from_pylist([row | {"events": 0, "id_hash": 0, "content_hash": 0}], COUNTS))
