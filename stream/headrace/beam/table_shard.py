"""One (table, shard): each id decided once, and its row appended exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from headrace.beam.append_queue import Outbox, Settled, Streams
from headrace.beam.row_outcomes import Fates
from headrace.beam.state import Ids
from headrace.bigquery.existing_rows import compare_old, remembered_since
from headrace.core.dead_letter import Refusal
from headrace.core.micro_batch import MicroBatch


class Table(Protocol):
    """What the table itself says of ids that are not remembered."""

    def is_empty(self) -> bool:
        """Whether there is no row at all."""

    def now(self) -> int:
        """BigQuery's own time, in microseconds since 1970: workers' clocks may differ."""

    def identity(self) -> bytes:
        """A digest of which table it is; nothing when nobody can tell right now."""

    def compare(self, rows: pa.RecordBatch) -> Mapping[int, bool]:
        """Give the indexes of *rows* whose id stands there, and whether with the same content."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Ids remembered, and rows on their way. An id is pending, then written, or forgotten with its dead letter."""

    ids: Ids
    outbox: Outbox
    table: Table

    def enqueue(self, batch: MicroBatch) -> Fates:
        """Decide every row. Fresh rows are remembered and wait; the fates of the others are given.

        Rows of messages older than what is remembered are looked up in the table.
        Raises what the table raises.
        """
        self._follow_table()
        stored = compare_old(batch, self._since(), self.table.compare)
        decision = self.ids.seen().decide(batch, stored)
        fresh = batch.take(decision.fresh)
        too_large = self.outbox.add(fresh)
        bad = {refusal.index for refusal in too_large}
        good = [index for index in range(len(fresh)) if index not in bad]
        if good:
            self.ids.remember(fresh.take(good))
        refusals = [Refusal(decision.fresh[each.index], each.reason, each.detail) for each in too_large]
        return Fates(batch, (), decision.duplicates, decision.conflicts + refusals)

    def _since(self) -> int:
        """Since when ids are remembered, decided at the first sight of the table."""
        since = self.ids.since()
        if since is None:
            since = remembered_since(self.table)
            self.ids.begin(since, self.table.identity())
        return since

    def _follow_table(self) -> None:
        """Forget the ids once the table is another one, made anew or restored under its name, and nothing waits.

        An id whose row waits is in no table: it must be remembered until the row is written.
        """
        identity, known = self.table.identity(), self.ids.table()
        if not identity or identity == known or self.ids.since() is None:
            return
        if not known:
            self.ids.note_table(identity)
        elif self.outbox.queue.is_empty():
            self.ids.begin_anew(remembered_since(self.table), identity)

    def append(self, streams: Streams, now: int) -> Settled:
        """Append what is committed, and forget the ids of rows that BigQuery refuses; see :class:`Outbox`.

        When the budget is used up and no row of an id of the older half waits any more, the older half is forgotten.
        """
        settled = self.outbox.append(streams, now)
        for fates in settled.fates:
            if fates.refusals:
                self.ids.forget(fates.batch.take([refusal.index for refusal in fates.refusals]))
        self._follow_table()
        if settled.in_pages and self.ids.is_due() and self.outbox.queue.has_only_young():
            self.ids.turn(self.table.now())
            self.outbox.queue.begin_young()
        return settled
