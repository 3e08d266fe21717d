"""Replacement of one day of a table by the rows of files, in one step, with a correction of its tallies.

A load job that truncates a partition replaces its rows completely, or changes nothing. Then the tallies get the
difference between the new rows and the tallied rows. Both steps can be repeated: after a kill, the next run produces
the same day.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import pyarrow as pa
from google.api_core.exceptions import GoogleAPIError
from google.cloud import bigquery
from requests.exceptions import RequestException

from headrace.audit.queries import signed, tallied_windows
from headrace.audit.scope import Scope
from headrace.audit.windows import Tallied
from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.day_of_rows import Day, DayReader, Spooled
from headrace.backfill.file_rounds import Round
from headrace.backfill.finite_source import FiniteSource
from headrace.backfill.parquet_load import replacing_load
from headrace.bigquery.event_table import table_for
from headrace.core.message import Message
from headrace.core.outcome import Outcome
from headrace.core.resource_names import Names
from headrace.core.tally import COUNTS, Tally, add_up
from headrace.engine.journal import Journal
from headrace.engine.prepare import Prepared
from headrace.engine.pulled import Pulled
from headrace.engine.retry import RetryPolicy
from headrace.engine.task_steps import Steps
from headrace.engine.transaction import Transaction
from headrace.job import Job
from headrace.runtime.failpoints import reached
from headrace.schemas.envelope import from_micros
from headrace.schemas.registry import Contract

POLL_SECONDS: Final = 0.2


class DayReplacement(FiniteSource):
    """Source and preparer in one: it returns one message, which represents the whole day and carries its tallies."""

    def __init__(
        self,
        contract: Contract,
        day: Day,
        *,
        key: str,
        job: Job,
        names: Names,
        reader: DayReader,
        rounds: Callable[[], Iterable[Round]],
        journal: Journal,
        client: bigquery.Client,
        retry: RetryPolicy,
        stop: threading.Event,
    ) -> None:
        super().__init__(journal, retry, stop)
        self._contract = contract
        self._table = contract.options.table
        self._day = day
        self._key = key
        self._job = job
        self._names = names
        self._reader = reader
        self._rounds = rounds
        self._journal = journal
        self._client = client
        self.check_claim: Callable[[], None] = lambda: None  # raises FencedError if another engine has taken over
        self.done: Spooled | None = None
        self.settled_before = False

    # Methods of the engine's source.

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        """Replace the day; on the second call, end."""
        self.settled_before = self.done is None and bool(self._journal.place(self._table, self._key))
        if self.done is not None or self.settled_before:
            return self._end()
        spooled = self._reader.read(self._until_stopped())
        if self._stop.is_set() or not self._tallies_appended():
            return []
        reached("day_spooled")
        self.check_claim()
        self._swap()
        reached("day_swapped")
        self.done = spooled
        return [Pulled([self._as_message()], [self._key], 0.0, 0)]

    def stop(self) -> None:
        """Delete the spooled rows."""
        self._reader.path.unlink(missing_ok=True)

    def _note(self, transaction: Transaction, token: str) -> None:
        transaction.note_place(self._table, token, 1)

    # Methods of the engine's preparer.

    def prepare(self, messages: Sequence[Message], now: int) -> Prepared:
        """Return no rows, only the correction of the tallies."""
        assert self.done is not None  # noqa: S101 a message was taken
        return Prepared(None, [], [add_up([*self.done.tallies, *self._taken_back(now)])])

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        """Run *serve* to its end."""
        yield from serve()

    def _until_stopped(self) -> Iterable[Round]:
        return itertools.takewhile(lambda _: not self._stop.is_set(), self._rounds())

    def _tallies_appended(self) -> bool:
        """Wait until all counts of this journal are in the table of tallies; return False after a stop."""
        while self._journal.in_flight() or self._journal.tallies()[1]:
            if self._stop.wait(POLL_SECONDS):
                return False
        return True

    def _swap(self) -> None:
        table = table_for(self._contract, self._names.project, self._names.dataset)
        destination = f"{table.project}.{table.dataset_id}.{table.table_id}{self._day.decorator}"
        config = replacing_load(table.schema)
        try:
            with self._reader.path.open("rb") as file:
                self._client.load_table_from_file(file, destination, rewind=True, job_config=config).result()
        except (GoogleAPIError, RequestException) as error:
            raise BackfillError(
                f"{destination}: BigQuery did not load the day ({type(error).__name__}); it is as it was, unless the "
                "answer was lost: run it again. It needs bigquery.jobs.create, and bigquery.tables.updateData there"
            ) from error

    def _taken_back(self, now: int) -> list[Tally]:
        """Return the tallied rows of the day as negative counts."""
        scope = Scope(now, self._job.window, since=from_micros(self._day.begin))
        query = partial(self._tallied, from_micros(now), scope)
        tallied = self._retry.call("tallies: the job needs bigquery.tables.getData on them", query)
        rows = [row for start, each in tallied for row in _negative(self._contract.subject, start, each)]
        return [Tally(pa.RecordBatch.from_pylist(rows, COUNTS))] if rows else []

    def _tallied(self, settled: datetime, scope: Scope) -> list[tuple[int, Tallied]]:
        windows = tallied_windows(self._contract.subject, settled, scope, self._names, self._client)
        inside = itertools.takewhile(lambda found: found[0] < self._day.end, windows)
        return [(start, each) for start, each in inside if start >= self._day.begin and each.written]

    def _as_message(self) -> Message:
        now = self._job.clock()
        return Message(self._contract.subject, b"", {}, f"{self._key} {now}", now)


def _negative(subject: str, start: int, tallied: Tallied) -> list[dict[str, Any]]:
    row = {"subject": subject, "reason": None, "window_start": start, "events": -tallied.written}
    hashes = {"id_hash": signed(-tallied.hashes.ids), "content_hash": signed(-tallied.hashes.contents)}
    return [row | hashes | {"outcome": str(each)} for each in (Outcome.RECEIVED, Outcome.WRITTEN)]
