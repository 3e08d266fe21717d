"""One (table, shard): each id decided once, and its row appended exactly once."""

from __future__ import annotations

from dataclasses import dataclass

from stream.batch import MicroBatch
from stream.dataflow.cells import Ids
from stream.dataflow.fates import Fates
from stream.dataflow.outbox import Outbox, Settled, Streams
from stream.deadletter import Refusal


@dataclass(frozen=True, slots=True)
class Ledger:
    """Ids remembered, and rows on their way. An id is pending, then written, or forgotten with its dead letter."""

    ids: Ids
    outbox: Outbox

    def enqueue(self, batch: MicroBatch) -> Fates:
        """Decide every row. Fresh rows are remembered and wait; the fates of the others are given."""
        decision = self.ids.seen().decide(batch)
        fresh = batch.take(decision.fresh)
        too_large = self.outbox.add(fresh)
        bad = {refusal.index for refusal in too_large}
        good = [index for index in range(len(fresh)) if index not in bad]
        if good:
            self.ids.remember(fresh.take(good))
        refusals = [Refusal(decision.fresh[each.index], each.reason, each.detail) for each in too_large]
        return Fates(batch, (), decision.duplicates, decision.conflicts + refusals)

    def append(self, streams: Streams, now: int) -> Settled:
        """Append what is committed, and forget the ids of rows that BigQuery refuses; see :class:`Outbox`."""
        settled = self.outbox.append(streams, now)
        for fates in settled.fates:
            if fates.refusals:
                self.ids.forget(fates.batch.take([refusal.index for refusal in fates.refusals]))
        return settled
