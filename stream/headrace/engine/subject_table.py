"""One subject's table: the memory of its rows, which is dropped when the table was replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import pyarrow as pa
import structlog
from google.cloud import bigquery

from headrace.bigquery.add_columns import add_columns
from headrace.bigquery.event_table import table_for
from headrace.bigquery.existing_rows import StoredRows
from headrace.core.micro_batch import to_ipc
from headrace.core.resource_names import Names
from headrace.core.tally import tally_lost
from headrace.engine.journal import Journal
from headrace.engine.retry import RetryPolicy
from headrace.engine.seen_messages import SeenMessages
from headrace.engine.status import SubjectStatus
from headrace.engine.table_watch import Change, TableReplacedError, TableWatch
from headrace.engine.task_steps import Steps, Wake
from headrace.engine.transaction import Transaction
from headrace.job import Job
from headrace.schemas.annotations import Evolve
from headrace.schemas.content_rule import comparable_rules

_LOG = structlog.get_logger("headrace")


class SubjectTable:
    """The table of one subject, the messages seen for it, and the watch on its identity.

    *described* is the table as the contract wants it. *finite*: the source is a file; its written lines are skipped.
    *changed* is called when the table was replaced.
    """

    def __init__(
        self,
        job: Job,
        subject: str,
        *,
        names: Names,
        journal: Journal,
        client: bigquery.Client,
        status: SubjectStatus,
        retry: RetryPolicy,
        finite: bool,
        changed: Wake,
    ) -> None:
        contract = job.registry.latest(subject)
        self._contract = contract
        self._names = names
        self._client = client
        self.name = contract.options.table
        self._job = job
        self._subject = subject
        self._journal = journal
        self._retry = retry
        self._finite = finite
        self._sql = sql = names.sql(self.name)
        self.described = table_for(contract, names.project, names.dataset)
        self._stored_rows = StoredRows(client, sql, contract)
        self._needs = (
            f"{sql}: the job needs bigquery.jobs.create, and bigquery.tables.getData on it; "
            "`headrace provision` makes it"
        )
        self._needs_update = (
            f"{sql}: the contract lets the job add columns (evolve), so it needs bigquery.tables.update on it; or run "
            "`headrace provision`, which makes the table and adds the columns"
        )
        self.seen = SeenMessages(
            self.name,
            journal,
            stored_rows=self._stored_rows,
            needs_queries=self._needs,
            retry=retry,
            budget=job.ids_remembered,
            finite=finite,
            comparable=comparable_rules(job.registry, subject),
        )
        self.watch = TableWatch(self.name, sql, journal=journal, client=client, status=status, changed=changed)

    def evolve_as_steps(self) -> Steps[None]:
        """Add columns that the contract needs, if it lets the job do so; wait until BigQuery has them."""
        match self._contract.options.evolve:
            case Evolve.PROVISION:
                return
            case Evolve.AUTOMATIC:
                added = yield from self._retry.call_as_steps(self._needs_update, self._add_columns)
                if added:
                    _LOG.info("columns_added", table=self.name, what="; ".join(added))
            case _:
                assert_never(self._contract.options.evolve)

    def _add_columns(self) -> list[str]:
        return add_columns(self._client, self._job.registry, self._subject, self._names)

    def look(self) -> Change | None:
        """Return how the table differs from the one in the journal, if it does; wait until BigQuery answers."""
        return self._retry.call(self._needs, self.watch.look)

    def look_as_steps(self, ask_for_rows: bool) -> Steps[Change | None]:
        """Do the same as steps of a task, which lets other tasks run while BigQuery does not answer."""
        return self._retry.call_as_steps(self._needs, lambda: self.watch.look(ask_for_rows=ask_for_rows))

    def is_replaced(self) -> bool:
        """Return whether the table was replaced or lost rows, and forget what was remembered of it if so.

        Raises:
            TableReplacedError: lines of a file were written to the former table, so the backfill has to begin again.
        """
        change = self.look()
        if change is None:
            self.watch.is_as_it_was()
            return False
        if self._finite:
            raise TableReplacedError(
                f"{self._sql}: the table was made anew or lost rows while history was written to it; run the command "
                "again: it begins at the first line, and writes what the table does not hold"
            )
        self.adopt(change)
        return True

    def adopt(self, change: Change) -> None:
        """Forget what was remembered of the table before *change*, and count its removed rows as lost."""
        identity, now = self.watch.identity, self._job.clock()

        def note(transaction: Transaction) -> None:
            match change:
                case Change.REPLACED:
                    if lost := transaction.replace_table(self.name, identity):
                        transaction.tally(to_ipc(tally_lost(self._subject, lost, now, self._job.window).counts))
                case Change.NEW | Change.EMPTIED:  # the number of remaining rows is not known
                    transaction.identify(self.name, identity)
                case _:
                    assert_never(change)

        self.seen.forget(note)
        self.watch.adopted(change)

    def stored(self, rows: pa.RecordBatch) -> Sequence[int]:
        """Return the indexes of rows whose id is in the table."""
        return self._stored_rows.find(rows)

    def schema_mismatches(self) -> Sequence[str]:
        """Return the differences between the table and the contract."""
        return self._stored_rows.schema_mismatches(self.described.schema)
