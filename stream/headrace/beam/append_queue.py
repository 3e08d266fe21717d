"""Exactly once on Dataflow: a bundle appends only rows that an earlier bundle committed.

``add`` queues rows. Only ``append`` sends rows, and only a pending append that is in committed state. So a bundle that
runs again, with other elements or on a replaced worker, sends the same rows to the same offset. The number of bytes
that a bundle reads and writes does not depend on the length of the queue: see ``pages.py``.

This module does not use Beam, so that tests can repeat bundles in every way that a runner may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol, assert_never

import pyarrow as pa

from headrace.beam.packing import PendingAppend
from headrace.beam.pages import PagedQueue
from headrace.beam.row_outcomes import RowOutcomes
from headrace.beam.state import Key, WorkerCache
from headrace.bigquery.append_result import Answer, AppendResult, HaltError, interpret
from headrace.bigquery.finalised_stream import BatchAtEnd, batch_at_end
from headrace.bigquery.write_streams import Rows
from headrace.core.dead_letter import Refusal
from headrace.core.micro_batch import MicroBatch
from headrace.errors import Exit, HeadraceError
from headrace.steps.append import refusals_by_bigquery, within_requests

IDLE_MICROS: Final = 3_600_000_000  # a stream without new rows for this time is replaced before its next append
NEXT_SECONDS: Final = 0.02  # a pending append waits for its own commit; the next bundle sends it
BACKOFF_SECONDS: Final = 5.0


class AppendError(HeadraceError, RuntimeError, error_code="HR-514", exit_code=Exit.BUG):
    """BigQuery refuses appends to a table. The text names the table and the remedy. No row is at fault."""


class Streams(Protocol):
    """COMMITTED streams; see :class:`headrace.bigquery.write_streams.WriteStreams`."""

    def create(self, table: str) -> str:
        """Create a stream."""

    def append(self, stream: str, offset: int, rows: Rows) -> Answer:
        """Append once. Return an answer for every failure that an answer can describe, instead of raising."""

    def finalise(self, stream: str) -> int | None:
        """Prevent further appends, late ones too; return the number of rows, or None if the stream does not exist."""


class RowCounter(Protocol):
    """A table in which to look up the rows of a pending append whose stream is gone."""

    def count(self, rows: pa.RecordBatch) -> int:
        """Count those of *rows* whose id is in the table."""


class AppendProgress(NamedTuple):
    """The outcomes decided by one append, and the seconds until the next call, or None if nothing waits.

    If *in_pages*, the inbox is empty, and all waiting batches are in pages.
    """

    outcomes: list[RowOutcomes]
    next_in_seconds: float | None
    in_pages: bool = True


def unchanged(batches: Sequence[MicroBatch], now: int) -> Sequence[MicroBatch]:
    """Return *batches* without joining them."""
    return batches


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendQueue:
    """The rows of one key that wait to be appended, and their stream. Every change is part of the bundle's commit.

    *table* is ``projects/P/datasets/D/tables/T``. *join* may reduce the batches of one append to fewer rows; its second
    argument is the time in microseconds since 1970.
    """

    key: Key
    table: str
    existing_rows: RowCounter
    cache: WorkerCache
    queue: PagedQueue
    join: Callable[[Sequence[MicroBatch], int], Sequence[MicroBatch]] = unchanged

    def add(self, batch: MicroBatch) -> list[Refusal]:
        """Queue *batch* in parts that fit into a request; return refusals of rows that are too large for a request."""
        parts, too_large = within_requests(batch, range(len(batch)))
        for part in parts:
            self.queue.add(part)
        return too_large

    def append(self, streams: Streams, now: int) -> AppendProgress:
        """Send the committed pending append once, record its outcome, and assign the next one.

        *now* is in microseconds since 1970.

        Raises:
            HaltError: the rows in the stream, or in the table if the stream is gone, differ from the committed ones.
            AppendError: the table is missing or may not be written. Both errors fail the bundle; nothing is lost.
        """
        if self.key in self.cache.assigned:
            return AppendProgress([], NEXT_SECONDS, in_pages=False)
        pending = self.queue.read_pending()
        if pending is None:
            pending = PendingAppend("", 0, now)
        if not pending.batches:
            return AppendProgress([], self._assign(streams, pending, now))
        answer = streams.append(pending.stream, pending.offset, Rows.of(pending.rows))
        result = interpret(answer, attempted=True)
        match result:  # *attempted*, because any earlier bundle may have sent this append
            case AppendResult.WRITTEN:
                stream_end = replace(pending, offset=pending.offset + len(pending), batches=())
                return self._written(streams, pending.batches, stream_end, now)
            case AppendResult.UNKNOWN:
                self.queue.store()
                return AppendProgress([], BACKOFF_SECONDS)
            case AppendResult.HALT:
                raise HaltError(f"{pending.stream}: not as committed at offset {pending.offset}; see `headrace audit`")
            case AppendResult.BLOCKED:
                raise AppendError(
                    f"{self.table}: BigQuery refuses rows ({answer.error}); "
                    "run `headrace provision`, and give the job bigquery.tables.updateData on it"
                )
            case AppendResult.ROWS_REFUSED | AppendResult.BATCH_REFUSED | AppendResult.STREAM_GONE:
                return self._replace_stream(streams, pending, answer, result, now)
            case _:
                assert_never(result)

    def _written(
        self, streams: Streams, batches: Sequence[MicroBatch], stream_end: PendingAppend, now: int
    ) -> AppendProgress:
        outcomes = [RowOutcomes(batch, range(len(batch))) for batch in batches]
        return AppendProgress(outcomes, self._assign(streams, stream_end, now))

    def _replace_stream(
        self, streams: Streams, pending: PendingAppend, answer: Answer, result: AppendResult, now: int
    ) -> AppendProgress:
        """Finalise the stream, find out whether it holds the pending append, and continue in a new stream.

        An append whose rows must change also moves to a new stream. At the same offset, the changed rows could not be
        distinguished from an earlier attempt that arrives late and is accepted.
        """
        is_written = self._is_written(streams, pending)
        stream_end = PendingAppend(streams.create(self.table), 0, now)
        if is_written:
            return self._written(streams, pending.batches, stream_end, now)
        batches = pending.batches
        outcomes: list[RowOutcomes] = []
        if result is AppendResult.BATCH_REFUSED and len(pending) > 1:
            batches = self._keep_first_half(pending.batches)
        elif result is not AppendResult.STREAM_GONE:
            batches, outcomes = self._remove_refused(pending.batches, answer.refused or {0: answer.refusal})
        if not batches:
            return AppendProgress(outcomes, self._assign(streams, stream_end, now))
        self.queue.store()
        return AppendProgress(outcomes, self._commit(replace(stream_end, batches=batches)))

    def _is_written(self, streams: Streams, pending: PendingAppend) -> bool:
        """Finalise the stream; return whether it holds the pending append."""
        at_end = batch_at_end(pending.stream, streams.finalise(pending.stream), pending.offset, len(pending))
        match at_end:
            case BatchAtEnd.WRITTEN:
                return True
            case BatchAtEnd.NOT_WRITTEN:
                return False
            case BatchAtEnd.UNKNOWN:
                return self._is_in_table(pending)
            case _:
                assert_never(at_end)

    def _is_in_table(self, pending: PendingAppend) -> bool:
        """Look the rows up in the table, because the stream is gone with its row count.

        The answer is safe because the query runs after the stream was found gone. A later attempt at the append finds
        no stream and is refused. The query sees an attempt that was accepted before, because rows of a COMMITTED
        stream are readable once they are appended. The rows cannot have entered the table in another way: only this key
        decides about their ids, and when it did, it found them neither in state nor in the table. An append is atomic,
        so the table has all of its rows or none.
        """
        found = self.existing_rows.count(pending.rows)
        if found not in (0, len(pending)):
            raise HaltError(f"{self.table}: holds only {found} of {len(pending)} rows that were appended together")
        return found > 0

    def _keep_first_half(self, batches: tuple[MicroBatch, ...]) -> tuple[MicroBatch, ...]:
        """Return the first half of an append that was refused as a whole; queue the second before all others."""
        first, second = _halves(batches)
        self.queue.put_first(second)
        return first

    def _remove_refused(
        self, batches: Sequence[MicroBatch], refused: Mapping[int, str]
    ) -> tuple[tuple[MicroBatch, ...], list[RowOutcomes]]:
        """Return the batches without the refused rows, and the outcomes of those rows."""
        kept, outcomes, start = [], [], 0
        for batch in batches:
            bad = {index - start: name for index, name in refused.items() if start <= index < start + len(batch)}
            start += len(batch)
            good = [index for index in range(len(batch)) if index not in bad]
            if bad:
                outcomes.append(RowOutcomes(batch, refusals=refusals_by_bigquery(bad)))
            if good:
                kept.append(batch.take(good))
        return tuple(kept), outcomes

    def _assign(self, streams: Streams, stream_end: PendingAppend, now: int) -> float | None:
        """Make the oldest page the next pending append, at the end of the stream."""
        taken = self.queue.take()
        if not taken:
            self.queue.write_pending(stream_end)
            return None
        batches: Sequence[MicroBatch] = [each.batch for each in taken]
        if not taken[0].alone:
            batches = self.join(batches, now)
        if not stream_end.stream or now - stream_end.assigned_at > IDLE_MICROS:
            stream_end = self._open_stream(streams, stream_end)
        return self._commit(replace(stream_end, assigned_at=now, batches=tuple(batches)))

    def _open_stream(self, streams: Streams, stream_end: PendingAppend) -> PendingAppend:
        """Open a stream. The old one, which has no pending rows, must end at the committed offset."""
        if stream_end.stream:
            batch_at_end(stream_end.stream, streams.finalise(stream_end.stream), stream_end.offset, 0)
        return replace(stream_end, stream=streams.create(self.table), offset=0)

    def _commit(self, pending: PendingAppend) -> float:
        self.queue.write_pending(pending)
        self.cache.assigned.add(self.key)
        return NEXT_SECONDS


def _halves(batches: tuple[MicroBatch, ...]) -> tuple[tuple[MicroBatch, ...], tuple[MicroBatch, ...]]:
    if len(batches) > 1:
        middle = len(batches) // 2
        return batches[:middle], batches[middle:]
    (batch,) = batches
    middle = len(batch) // 2
    return (batch.take(range(middle)),), (batch.take(range(middle, len(batch))),)
