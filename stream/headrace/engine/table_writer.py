"""Appending each row of one table exactly once: commit the rows, append them, commit the outcome.

Only the first batch of a table's queue is appended, at the next offset of the table's stream. So after a lost answer
the same bytes are sent to the same offset again, also by the next process. A stream is replaced only after it was
finalised: the number of its rows then shows whether that batch was written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar, assert_never

import pyarrow as pa

from headrace.bigquery.append_result import AppendResult, HaltError, interpret
from headrace.bigquery.event_table import PROVISION_MAKES
from headrace.bigquery.finalised_stream import BatchAtEnd, batch_at_end
from headrace.bigquery.write_streams import Rows, WriteStreams
from headrace.core.micro_batch import to_ipc
from headrace.engine.journal import Journal
from headrace.engine.pending_batch import Bookkeeping, CommitHook, Fence, PendingBatch, from_journal
from headrace.engine.retry import NEEDS_ROOM, RetryPolicy
from headrace.engine.transaction import Transaction
from headrace.runtime.failpoints import reached

T = TypeVar("T")
_PERMISSION: Final = "the job needs bigquery.tables.updateData on it"
_REMEDIES: Final = {"SCHEMA_MISMATCH_EXTRA_FIELDS": "it lacks a column of the contract"}


class TableWriter:
    """Writes one table; *path* is ``projects/P/datasets/D/tables/T``, *target* its name in the journal."""

    def __init__(
        self,
        target: str,
        path: str,
        *,
        journal: Journal,
        streams: WriteStreams,
        retry: RetryPolicy,
        bookkeeping: Bookkeeping,
        fence: Fence,
        reached: Callable[[str], None] = reached,
    ) -> None:
        self._target = target
        self._path = path
        self._journal = journal
        self._streams = streams
        self._retry = retry
        self._books = bookkeeping
        self._fence = fence
        self._reached = reached
        self._queue: deque[PendingBatch] = deque()
        self._stream = ""  # as in the journal; opened by an earlier process unless *_is_own*
        self._offset = 0
        self._is_own = False

    def recover(self, taken_over: bool = False, replaced: bool = False) -> None:
        """Settle the batches that an earlier process left open.

        A new stream is opened with the first rows. With many tables, most get no rows for a while, and a start would
        wait for all their streams.

        *replaced*: the table was replaced, so the open rows are looked up in the new one. *taken_over*: the engine of
        another journal has received the same messages since. Committed batches that are not written are removed then:
        their messages were not acknowledged, so the other engine has written them, or they come again.

        Raises:
            HaltError: the old stream does not hold what was committed.
        """
        self._queue = deque(from_journal(pending) for pending in self._journal.pending(self._target))
        left = self._journal.stream(self._target)
        if left is not None:
            self._stream, self._offset = left
        if self._queue or (self._stream and (taken_over or replaced)):
            self._replace_stream(taken_over, replaced)
            if taken_over:
                self._take_back()
            self.settle()
        self._reached("recovered")

    def reopen(self) -> None:
        """Continue in a new stream, because the table was replaced. The queue must be empty."""
        if self._stream:
            self._replace_stream(replaced=True)

    def write(self, rows: pa.RecordBatch, notes: pa.RecordBatch, also: Callable[[Transaction], None]) -> None:
        """Commit *rows* together with *also*, append them, and return when each is written or refused."""
        if rows.num_rows and not self._is_own:
            self._replace_stream()  # before these rows are queued: the former stream cannot have them

        def commit() -> PendingBatch | None:
            self._reached("before_commit")
            with self._journal.transaction() as transaction:
                also(transaction)
                return self._add(transaction, rows, notes) if rows.num_rows else None

        pending = self._commit_on_disk(commit)
        self._reached("committed")
        if pending is not None:
            self._queue.append(pending)
            self.settle()

    def settle(self) -> None:
        """Append the queue until every row is written or refused."""
        while self._queue:
            pending = self._queue[0]
            answer = self._streams.append(
                self._stream, self._offset, pending.wire, partial(self._commit_hook_of, pending)
            )
            self._reached("appended")
            result = interpret(answer, pending.attempted)
            match result:
                case AppendResult.WRITTEN:
                    self._retry.recovered()
                    self._commit_written(pending)
                case AppendResult.UNKNOWN:
                    pending.attempted = True
                    self._retry.wait(f"{self._path}: BigQuery does not confirm rows; trying again")
                case AppendResult.ROWS_REFUSED:
                    if not self._arrived_late(pending):
                        self._refuse(pending, answer.refused)
                case AppendResult.BATCH_REFUSED:
                    if not self._arrived_late(pending):
                        self._narrow(pending, answer.refusal)
                case AppendResult.STREAM_GONE:
                    if not self._offset:  # the stream is new: another one would not help
                        self._retry.wait(self._needs("a new stream takes no rows"))
                    self._fence.check()  # another engine that took over finalises streams
                    self._replace_stream(replaced=self._is_replaced())
                case AppendResult.BLOCKED:
                    self._retry.wait(self._needs(_REMEDIES.get(answer.storage, _PERMISSION)))
                    if self._is_replaced():  # the stream belongs to a table that does not exist any more
                        self._replace_stream(replaced=True)
                case AppendResult.HALT:
                    raise HaltError(
                        f"{self._stream}: offset {self._offset} is not where {len(pending):,} committed rows belong; "
                        "somebody else appended to this stream, or the journal is an old copy; see docs/promises.md"
                    )
                case _:
                    assert_never(result)

    def _commit_hook_of(self, pending: PendingBatch) -> CommitHook:
        """Return the hook, prepared once: usually while BigQuery appends the rows."""
        pending.commit_hook = pending.commit_hook or self._books.prepare_commit(pending.notes, pending.rows)
        return pending.commit_hook

    def _commit_written(self, pending: PendingBatch) -> None:
        hook = self._commit_hook_of(pending)

        def commit() -> Callable[[], None]:
            self._reached("before_outcome")
            with self._journal.transaction() as transaction:
                transaction.remove_pending(pending.seq)
                transaction.advance(self._target, len(pending))
                return hook(transaction)

        committed = self._commit_on_disk(commit)
        self._reached("outcome_committed")
        committed()
        self._offset += len(pending)
        self._queue.popleft()

    def _arrived_late(self, pending: PendingBatch) -> bool:
        """Return whether an earlier attempt to append *pending* succeeded; called before the batch is changed.

        That attempt may still be on its way. So its stream is finalised first, and its row count shows the result.
        """
        if pending.attempted:
            self._replace_stream()
        return not self._queue or self._queue[0] is not pending

    def _refuse(self, pending: PendingBatch, refused: Mapping[int, str]) -> None:
        """Make dead letters of the refused rows, and append the others at the same offset: none was written."""
        also = self._books.refuse(pending, refused)
        self._reached("refusal_published")
        kept = [index for index in range(len(pending)) if index not in refused]
        self._rewrite(pending, [kept] if kept else [], also)
        self._reached("refusal_committed")

    def _narrow(self, pending: PendingBatch, refusal: str) -> None:
        """Find the row to which a *refusal* of a whole batch applies, by halving the batch."""
        mismatches = self._retry.call(self._needs("it cannot be read"), self._books.schema_mismatches)
        if mismatches:
            self._retry.wait(self._needs("; ".join(mismatches)))
        elif len(pending) == 1:
            self._refuse(pending, {0: refusal})
        else:
            middle = len(pending) // 2
            self._rewrite(pending, [range(middle), range(middle, len(pending))], lambda _: None)

    def _rewrite(
        self, pending: PendingBatch, parts: Sequence[Sequence[int]], also: Callable[[Transaction], None]
    ) -> None:
        """Replace *pending* in the queue by parts of it."""
        pieces = [
            (pending.rows.take(pa.array(p, pa.int64())), pending.notes.take(pa.array(p, pa.int64()))) for p in parts
        ]

        later = [(each.rows, each.notes) for each in self._queue if each is not pending]

        def commit() -> list[PendingBatch]:
            with self._journal.transaction() as transaction:
                for each in self._queue:
                    transaction.remove_pending(each.seq)
                also(transaction)
                return [self._add(transaction, *piece) for piece in [*pieces, *later]]

        self._queue = deque(self._commit_on_disk(commit))

    def _is_replaced(self) -> bool:
        return self._retry.call(self._needs("it cannot be looked at"), self._books.is_replaced)

    def _replace_stream(self, taken_over: bool = False, replaced: bool = False) -> None:
        """Finalise the stream, find out whether it has the first batch of the queue, and open another stream.

        *taken_over*: rows in the table may come from another engine, so they do not prove that the batch was written.
        *replaced*: the stream was opened for a former table, so its row count does not prove it either.
        """
        pending = self._queue[0] if self._queue else None
        if self._stream:
            written = self._finalised_with(pending, taken_over, replaced)
            self._reached("stream_finalised")
            if written:
                self._commit_written(self._queue[0])
        name = self._retry.call(self._needs(_PERMISSION), lambda: self._streams.create(self._path))

        self._retry.call(self._needs("its new stream cannot be announced"), lambda: self._fence.announce(name))

        def commit() -> None:
            with self._journal.transaction() as transaction:
                transaction.open_stream(self._target, name)

        self._commit_on_disk(commit)
        self._reached("stream_opened")
        self._stream, self._offset, self._is_own = name, 0, True
        if self._queue:
            self._queue[0].attempted = False  # not on this stream
            self._reached("pending_batch_moved")

    def _take_back(self) -> None:
        """Remove every batch from the queue: its rows are not written."""

        def commit() -> None:
            with self._journal.transaction() as transaction:
                for pending in self._queue:
                    transaction.remove_pending(pending.seq)

        self._commit_on_disk(commit)
        self._queue.clear()

    def _finalised_with(self, pending: PendingBatch | None, taken_over: bool, replaced: bool) -> bool:
        """Finalise the stream, and return whether *pending* is written; raise HaltError if it has other rows."""
        count = self._retry.call(
            self._needs("its stream cannot be finalised"), lambda: self._streams.finalise(self._stream)
        )
        if replaced:
            return self._is_found(pending, taken_over, replaced)
        at_end = batch_at_end(self._stream, count, self._offset, len(pending) if pending is not None else 0)
        match at_end:
            case BatchAtEnd.WRITTEN:
                return True
            case BatchAtEnd.NOT_WRITTEN:
                return False
            case BatchAtEnd.UNKNOWN:
                return self._is_found(pending, taken_over, replaced)
            case _:
                assert_never(at_end)

    def _is_found(self, pending: PendingBatch | None, taken_over: bool, replaced: bool) -> bool:
        return pending is not None and not taken_over and self._found(pending, replaced)

    def _found(self, pending: PendingBatch, replaced: bool) -> bool:
        """Look the rows up in the table, because the row count of the stream is not available.

        Rows that were appended together are in the table together. The exception is a table from which rows were
        removed or to which they were restored: its rows become a batch of their own.
        """
        need = self._needs("the job needs bigquery.jobs.create, and bigquery.tables.getData on it")
        found = self._retry.call(need, lambda: self._books.stored(pending.rows))
        if replaced and 0 < len(found) < len(pending):
            missing = sorted(set(range(len(pending))) - set(found))
            self._rewrite(pending, [found, missing], lambda _: None)
        elif len(found) not in (0, len(pending)):
            raise HaltError(
                f"{self._path}: {len(found):,} of {len(pending):,} rows that were appended together are in the table"
            )
        return bool(found)

    def _add(self, transaction: Transaction, rows: pa.RecordBatch, notes: pa.RecordBatch) -> PendingBatch:
        wire = Rows.of(rows)
        stored = transaction.add_pending(self._target, rows.num_rows, wire.schema, wire.data, to_ipc(notes))
        return PendingBatch(stored.seq, rows, notes, wire)

    def _commit_on_disk(self, commit: Callable[[], T]) -> T:
        return self._retry.call(NEEDS_ROOM, commit)

    def _needs(self, what: str) -> str:
        return f"{self._path}: {what}; {PROVISION_MAKES}"
