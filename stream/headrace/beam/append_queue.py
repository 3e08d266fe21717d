"""Exactly once on Dataflow: what is appended was committed before, by an earlier bundle.

``add`` queues; only ``append`` sends, and only a head that is in committed state. So a bundle that is run again,
differently grouped, or by a worker that has been replaced, sends the same rows to the same offset. How much more waits
makes no difference to what a bundle reads and writes: see ``pages.py``.
No Beam here: a test can replay bundles in every way a runner may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol, assert_never

import pyarrow as pa

from headrace.beam.packing import Head
from headrace.beam.pages import Queue
from headrace.beam.row_outcomes import Fates
from headrace.beam.state import Key, Memory
from headrace.bigquery.append_result import Answer, AppendResult, HaltError, interpret
from headrace.bigquery.finalised_stream import BatchAtEnd, batch_at_end
from headrace.bigquery.write_streams import Rows
from headrace.core.dead_letter import Refusal
from headrace.core.micro_batch import MicroBatch
from headrace.errors import Exit, HeadraceError
from headrace.steps.append import refusals_by_bigquery, within_requests

IDLE_MICROS: Final = 3_600_000_000  # a stream without an append for so long is replaced before its next
NEXT_SECONDS: Final = 0.02  # a head waits for its own commit; the next bundle appends it
BACKOFF_SECONDS: Final = 5.0


class AppendError(HeadraceError, RuntimeError, error_code="HR-514", exit_code=Exit.BUG):
    """BigQuery refuses appends to a table. The text names the table and the remedy. No row is at fault."""


class Streams(Protocol):
    """What the outbox does with COMMITTED streams; see :class:`headrace.bigquery.write_streams.WriteStreams`."""

    def create(self, table: str) -> str:
        """Make a new stream."""

    def append(self, stream: str, offset: int, rows: Rows) -> Answer:
        """Append once; never raises for what an answer can say."""

    def finalise(self, stream: str) -> int | None:
        """Let nothing more be appended, now or late; the number of rows, None when there is no such stream."""


class Counted(Protocol):
    """What the table itself says of a head whose stream is gone."""

    def count(self, rows: pa.RecordBatch) -> int:
        """Count the ones of *rows* whose id stands in the table."""


class Settled(NamedTuple):
    """Fates decided by one append, and in how many seconds to come again; None when nothing waits. *in_pages*: all that
    waits is in pages, and nothing in the inbox."""

    fates: list[Fates]
    again: float | None
    in_pages: bool = True


def as_they_are(batches: Sequence[MicroBatch], now: int) -> Sequence[MicroBatch]:
    """Join nothing."""
    return batches


@dataclass(frozen=True, slots=True)
class Outbox:
    """What one key still has to append, and the stream it goes to. Every change is part of the bundle's commit.

    *table* is ``projects/P/datasets/D/tables/T``.
    *join* may make fewer rows of the batches that become a head; it is given the time in microseconds since 1970.
    """

    key: Key
    table: str
    stored: Counted
    memory: Memory
    queue: Queue
    join: Callable[[Sequence[MicroBatch], int], Sequence[MicroBatch]] = as_they_are

    def add(self, batch: MicroBatch) -> list[Refusal]:
        """Let *batch* wait, in parts that fit into a request; the refusals are rows that do not."""
        parts, too_large = within_requests(batch, range(len(batch)))
        for part in parts:
            self.queue.add(part)
        return too_large

    def append(self, streams: Streams, now: int) -> Settled:
        """Append the committed head once, note its fate, and assign the next; *now* in microseconds since 1970.

        Raises:
            HaltError: the stream, or the table once the stream is gone, holds other rows than were committed.
            AppendError: the table is missing or may not be written. Both fail the bundle; nothing is lost.
        """
        if self.key in self.memory.assigned:
            return Settled([], NEXT_SECONDS, in_pages=False)
        head = self.queue.read_head()
        if head is None:
            head = Head("", 0, now)
        if not head.batches:
            return Settled([], self._assign(streams, head, now))
        answer = streams.append(head.stream, head.offset, Rows.of(head.rows))
        result = interpret(answer, attempted=True)
        match result:  # a committed head may have been sent by any bundle before
            case AppendResult.WRITTEN:
                end = replace(head, offset=head.offset + len(head), batches=())
                return self._written(streams, head.batches, end, now)
            case AppendResult.UNKNOWN:
                self.queue.store()
                return Settled([], BACKOFF_SECONDS)
            case AppendResult.HALT:
                raise HaltError(f"{head.stream}: not as committed at offset {head.offset}; see `headrace audit`")
            case AppendResult.BLOCKED:
                raise AppendError(
                    f"{self.table}: BigQuery refuses rows ({answer.storage or answer.status}); "
                    "run `headrace provision`, and give the job bigquery.tables.updateData on it"
                )
            case AppendResult.ROWS_REFUSED | AppendResult.BATCH_REFUSED | AppendResult.STREAM_GONE:
                return self._replace(streams, head, answer, result, now)
            case _:
                assert_never(result)

    def _written(self, streams: Streams, batches: Sequence[MicroBatch], end: Head, now: int) -> Settled:
        fates = [Fates(batch, range(len(batch))) for batch in batches]
        return Settled(fates, self._assign(streams, end, now))

    def _replace(self, streams: Streams, head: Head, answer: Answer, result: AppendResult, now: int) -> Settled:
        """Go on in a new stream, once the old one's end says what became of the head.

        Also when the head must change: were other rows sent to the same offset, an attempt that arrives late and
        is accepted after all could not be told from them.
        """
        is_written = self._is_written(streams, head)
        end = Head(streams.create(self.table), 0, now)
        if is_written:
            return self._written(streams, head.batches, end, now)
        batches = head.batches
        fates: list[Fates] = []
        if result is AppendResult.BATCH_REFUSED and len(head) > 1:
            batches = self._first_half(head.batches)
        elif result is not AppendResult.STREAM_GONE:
            batches, fates = self._without(head.batches, answer.refused or {0: "INVALID_ARGUMENT"})
        if not batches:
            return Settled(fates, self._assign(streams, end, now))
        self.queue.store()
        return Settled(fates, self._commit(replace(end, batches=batches)))

    def _is_written(self, streams: Streams, head: Head) -> bool:
        """Let nothing more come to the head's stream; whether the head has."""
        at_end = batch_at_end(head.stream, streams.finalise(head.stream), head.offset, len(head))
        match at_end:
            case BatchAtEnd.WRITTEN:
                return True
            case BatchAtEnd.NOT_WRITTEN:
                return False
            case BatchAtEnd.UNKNOWN:
                return self._is_stored(head)
            case _:
                assert_never(at_end)

    def _is_stored(self, head: Head) -> bool:
        """The stream is gone with its count: ask the table itself.

        Sound because it is asked after the stream was found gone. An attempt at the head that arrives later finds no
        stream and is refused; one that was accepted before is seen by the query, for rows of a COMMITTED stream are
        there to be read once they are appended. The head's rows can have come there by no other way: nobody else
        decides their ids, and each was found in neither memory nor table when it was decided. An append is atomic, so
        it is all or none.
        """
        found = self.stored.count(head.rows)
        if found not in (0, len(head)):
            raise HaltError(f"{self.table}: {found} of {len(head)} rows that were appended together stand in the table")
        return found > 0

    def _first_half(self, batches: tuple[MicroBatch, ...]) -> tuple[MicroBatch, ...]:
        """Half of what was refused as a whole; the other half goes next, as it is, before what waits."""
        first, second = _halves(batches)
        self.queue.put_first(second)
        return first

    def _without(
        self, batches: Sequence[MicroBatch], refused: Mapping[int, str]
    ) -> tuple[tuple[MicroBatch, ...], list[Fates]]:
        """Take out the rows that are refused."""
        kept, fates, start = [], [], 0
        for batch in batches:
            bad = {index - start: name for index, name in refused.items() if start <= index < start + len(batch)}
            start += len(batch)
            good = [index for index in range(len(batch)) if index not in bad]
            if bad:
                fates.append(Fates(batch, refusals=refusals_by_bigquery(bad)))
            if good:
                kept.append(batch.take(good))
        return tuple(kept), fates

    def _assign(self, streams: Streams, end: Head, now: int) -> float | None:
        """Let the oldest page of what waits be the next head, at the end of the stream."""
        taken = self.queue.take()
        if not taken:
            self.queue.write_head(end)
            return None
        batches: Sequence[MicroBatch] = [each.batch for each in taken]
        if not taken[0].alone:
            batches = self.join(batches, now)
        if not end.stream or now - end.assigned_at > IDLE_MICROS:
            end = self._reopened(streams, end)
        return self._commit(replace(end, assigned_at=now, batches=tuple(batches)))

    def _reopened(self, streams: Streams, end: Head) -> Head:
        """A new stream; the old one, which nothing is undecided in, must end where state says."""
        if end.stream:
            batch_at_end(end.stream, streams.finalise(end.stream), end.offset, 0)
        return replace(end, stream=streams.create(self.table), offset=0)

    def _commit(self, head: Head) -> float:
        self.queue.write_head(head)
        self.memory.assigned.add(self.key)
        return NEXT_SECONDS


def _halves(batches: tuple[MicroBatch, ...]) -> tuple[tuple[MicroBatch, ...], tuple[MicroBatch, ...]]:
    if len(batches) > 1:
        middle = len(batches) // 2
        return batches[:middle], batches[middle:]
    (batch,) = batches
    middle = len(batch) // 2
    return (batch.take(range(middle)),), (batch.take(range(middle, len(batch))),)
