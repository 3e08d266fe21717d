"""One (table, shard), which decides about each id once, and appends its row exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from headrace.beam.append_queue import AppendProgress, AppendQueue, Streams
from headrace.beam.row_outcomes import RowOutcomes
from headrace.beam.state import Ids
from headrace.bigquery.existing_rows import compare_old, remembered_since
from headrace.core.dead_letter import Refusal
from headrace.core.micro_batch import MicroBatch


class Table(Protocol):
    """A table in which to look up the ids that are not remembered."""

    def is_empty(self) -> bool:
        """Return whether the table has no row."""

    def now(self) -> int:
        """Return BigQuery's own time, in microseconds since 1970, because workers' clocks may differ."""

    def identity(self) -> bytes:
        """Return a digest that differs for another table of the same name; empty if it cannot be read now."""

    def compare(self, rows: pa.RecordBatch) -> Mapping[int, bool]:
        """Return the indexes of *rows* whose id is in the table, and for each whether the content is the same."""


@dataclass(frozen=True, slots=True)
class TableShard:
    """The remembered ids and queued rows. An id is pending, then written, or forgotten with its dead letter."""

    ids: Ids
    append_queue: AppendQueue
    table: Table

    def enqueue(self, batch: MicroBatch) -> RowOutcomes:
        """Decide about every row: remember and queue new rows, and return the outcomes of the others.

        Look up rows in the table whose messages are older than the remembered ids, or whose contents cannot be compared
        with the remembered ones. Raise the table's errors.
        """
        self._follow_table()
        since, seen = self._since(), self.ids.seen()
        stored = compare_old(batch, since, self.table.compare, seen.unsettled(batch))
        decision = seen.decide(batch, stored)
        new = batch.take(decision.new)
        too_large = self.append_queue.add(new)
        bad = {refusal.index for refusal in too_large}
        good = [index for index in range(len(new)) if index not in bad]
        if good:
            self.ids.remember(new.take(good))
        refusals = [Refusal(decision.new[each.index], each.reason, each.detail) for each in too_large]
        return RowOutcomes(batch, (), decision.duplicates, decision.conflicts + refusals)

    def _since(self) -> int:
        """Return the publish time after which ids are remembered. It is decided at the first look at the table."""
        since = self.ids.since()
        if since is None:
            since = remembered_since(self.table)
            self.ids.begin(since, self.table.identity())
        return since

    def _follow_table(self) -> None:
        """Forget the ids if the table was recreated or restored under its name, once no row waits.

        A waiting row is in no table, so its id must be remembered until the row is written.
        """
        identity, known = self.table.identity(), self.ids.table()
        if not identity or identity == known or self.ids.since() is None:
            return
        if not known:
            self.ids.note_table(identity)
        elif self.append_queue.queue.is_empty():
            self.ids.begin_anew(remembered_since(self.table), identity)

    def append(self, streams: Streams, now: int) -> AppendProgress:
        """Append committed rows, and forget the ids of rows that BigQuery refuses; see :class:`AppendQueue`.

        Forget the older half of the ids if the budget is used up and no row with an id of that half waits any more.
        """
        progress = self.append_queue.append(streams, now)
        for outcomes in progress.outcomes:
            if outcomes.refusals:
                self.ids.forget(outcomes.batch.take([refusal.index for refusal in outcomes.refusals]))
        self._follow_table()
        if progress.in_pages and self.ids.is_due() and self.append_queue.queue.has_only_young():
            self.ids.turn(self.table.now())
            self.append_queue.queue.begin_young()
        return progress
