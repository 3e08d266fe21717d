"""One table's rows, each appended exactly once: committed, appended, and what became of them committed again.

The head of a table's queue is appended to the table's stream at the stream's next offset, and nothing else is, so a
lost answer is asked for again with the same bytes at the same offset, also by the next process. A stream is replaced
only after it was finalised, when the number of its rows says whether the head is among them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, TypeAlias, TypeVar, assert_never

import pyarrow as pa

from headrace.bigquery.append_result import HaltError, Verdict, judge
from headrace.bigquery.event_table import PROVISION_MAKES
from headrace.bigquery.write_streams import Rows, WriteStreams
from headrace.core.micro_batch import from_ipc, to_ipc
from headrace.engine.journal import Journal
from headrace.engine.retry import NEEDS_ROOM, Patience
from headrace.engine.transaction import StoredHead, Transaction
from headrace.runtime.failpoints import reached

T = TypeVar("T")
# Within the transaction that says that rows are written; returns what is to be done once that is committed.
Note: TypeAlias = Callable[[Transaction], Callable[[], None]]
_PERMISSION: Final = "the job needs bigquery.tables.updateData on it"
_REMEDIES: Final = {"SCHEMA_MISMATCH_EXTRA_FIELDS": "it lacks a column of the contract"}


@dataclass
class Head:
    """A committed batch whose fate is open: *wire* is *rows* as committed, and as sent. *attempted*: it may have been
    sent before. *note* is what its owner notes once it is written, as soon as that is reckoned."""

    seq: int
    rows: pa.RecordBatch = field(repr=False)
    notes: pa.RecordBatch = field(repr=False)
    wire: Rows = field(repr=False)
    attempted: bool = False
    note: Note | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return int(self.rows.num_rows)


class Bookkeeping(Protocol):
    """What a table's owner notes of its rows; called within transactions and around them."""

    def reckon(self, notes: pa.RecordBatch, rows: pa.RecordBatch) -> Note:
        """Find out what is to be noted once these rows stand in the table; nothing is noted yet."""

    def refuse(self, head: Head, refused: Mapping[int, str]) -> Callable[[Transaction], None]:
        """Make dead letters of the rows at these indexes, durably; returns what to commit with their removal."""

    def stored(self, rows: pa.RecordBatch) -> Sequence[int]:
        """Give the indexes of those of *rows* that the table holds already."""

    def is_replaced(self) -> bool:
        """Look whether the table is another one, or lost rows; then what was remembered of it is forgotten.

        What a stream to the former table says of rows does not count any more. Raises what the client raises.
        """

    def misfits(self) -> Sequence[str]:
        """Say in what the table is not as its contract wants it, so that no row can be written."""


class Fence(Protocol):
    """What keeps two engines from writing the same tables."""

    def check(self) -> None:
        """FencedError when another engine has taken over."""

    def announce(self, stream: str) -> None:
        """Tell the others that this engine is about to append to *stream*."""


class TableWriter:
    """Writes one table; *path* is ``projects/P/datasets/D/tables/T``, *target* its name in the journal."""

    def __init__(
        self,
        target: str,
        path: str,
        journal: Journal,
        streams: WriteStreams,
        patience: Patience,
        bookkeeping: Bookkeeping,
        fence: Fence,
        reached: Callable[[str], None] = reached,
    ) -> None:
        self._target = target
        self._path = path
        self._journal = journal
        self._streams = streams
        self._patience = patience
        self._books = bookkeeping
        self._fence = fence
        self._reached = reached
        self._queue: deque[Head] = deque()
        self._stream = ""  # as the journal names it: opened by an earlier process as long as it is not our own
        self._offset = 0
        self._is_own = False

    def recover(self, taken_over: bool = False, replaced: bool = False) -> None:
        """Settle what an earlier process left open. A stream of our own is opened with the first rows: most tables of
        many get none for a while, and a start would wait for all their streams.

        *replaced*: the table is not what it was, so it is asked itself for the rows whose fate is open.

        *taken_over*: another journal's engine has been given the same messages since. What was committed here and not
        written is taken back then: it was never acknowledged, so the other engine has written it, or it comes again.

        Raises:
            HaltError: the old stream does not hold what was committed.
        """
        self._queue = deque(_from_journal(head) for head in self._journal.heads(self._target))
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
        """Go on in a new stream, because the table is another one; nothing may be queued."""
        if self._stream:
            self._replace_stream(replaced=True)

    def write(self, rows: pa.RecordBatch, notes: pa.RecordBatch, also: Callable[[Transaction], None]) -> None:
        """Commit *rows* with what *also* notes, append them, and return when each is written or refused."""
        if rows.num_rows and not self._is_own:
            self._replace_stream()  # before these are queued: the former stream's count says nothing of them

        def commit() -> Head | None:
            self._reached("before_commit")
            with self._journal.transaction() as transaction:
                also(transaction)
                return self._add(transaction, rows, notes) if rows.num_rows else None

        head = self._insist_on_disk(commit)
        self._reached("committed")
        if head is not None:
            self._queue.append(head)
            self.settle()

    def settle(self) -> None:
        """Append what is queued until every row has its fate."""
        while self._queue:
            head = self._queue[0]
            answer = self._streams.append(self._stream, self._offset, head.wire, partial(self._note_of, head))
            self._reached("appended")
            verdict = judge(answer, head.attempted)
            match verdict:
                case Verdict.WRITTEN:
                    self._patience.mended()
                    self._commit_written(head)
                case Verdict.UNKNOWN:
                    head.attempted = True
                    self._patience.wait(f"{self._path}: BigQuery does not confirm rows; trying again")
                case Verdict.ROWS_REFUSED:
                    if not self._arrived_late(head):
                        self._refuse(head, answer.refused)
                case Verdict.BATCH_REFUSED:
                    if not self._arrived_late(head):
                        self._narrow(head)
                case Verdict.STREAM_GONE:
                    if not self._offset:  # nothing was ever written to it: do not go round in circles
                        self._patience.wait(self._needs("a new stream takes no rows"))
                    self._fence.check()  # was it finalised by another engine that took over?
                    self._replace_stream(replaced=self._is_replaced())
                case Verdict.BLOCKED:
                    self._patience.wait(self._needs(_REMEDIES.get(answer.storage, _PERMISSION)))
                    if self._is_replaced():  # the stream goes to a table that is gone
                        self._replace_stream(replaced=True)
                case Verdict.HALT:
                    raise HaltError(
                        f"{self._stream}: offset {self._offset} is not where {len(head):,} committed rows belong; "
                        "somebody else appended to this stream, or the journal is an old copy; see docs/promises.md"
                    )
                case _:
                    assert_never(verdict)

    def _note_of(self, head: Head) -> Note:
        """Reckoned once, and as a rule while BigQuery has the rows: that is time to spare."""
        head.note = head.note or self._books.reckon(head.notes, head.rows)
        return head.note

    def _commit_written(self, head: Head) -> None:
        note = self._note_of(head)

        def commit() -> Callable[[], None]:
            self._reached("before_fate")
            with self._journal.transaction() as transaction:
                transaction.remove_head(head.seq)
                transaction.advance(self._target, len(head))
                return note(transaction)

        committed = self._insist_on_disk(commit)
        self._reached("fate_committed")
        committed()
        self._offset += len(head)
        self._queue.popleft()

    def _arrived_late(self, head: Head) -> bool:
        """Before a head is changed: an earlier attempt at it may still be on its way, and be accepted when it comes.

        So the stream is closed to it first; whether it has come before that, the stream says.
        """
        if head.attempted:
            self._replace_stream()
        return not self._queue or self._queue[0] is not head

    def _refuse(self, head: Head, refused: Mapping[int, str]) -> None:
        """Make letters of the guilty rows and go on with the others, at the same offset: none was written."""
        also = self._books.refuse(head, refused)
        self._reached("refusal_published")
        kept = [index for index in range(len(head)) if index not in refused]
        self._rewrite(head, [kept] if kept else [], also)
        self._reached("refusal_committed")

    def _narrow(self, head: Head) -> None:
        """Find the guilty row among rows that were refused as a whole."""
        misfits = self._patience.insist(self._needs("it cannot be read"), self._books.misfits)
        if misfits:
            self._patience.wait(self._needs("; ".join(misfits)))
        elif len(head) == 1:
            self._refuse(head, {0: "INVALID_ARGUMENT"})
        else:
            middle = len(head) // 2
            self._rewrite(head, [range(middle), range(middle, len(head))], lambda _: None)

    def _rewrite(self, head: Head, parts: Sequence[Sequence[int]], also: Callable[[Transaction], None]) -> None:
        """Put *parts* of a head in its place."""
        pieces = [(head.rows.take(pa.array(p, pa.int64())), head.notes.take(pa.array(p, pa.int64()))) for p in parts]

        later = [(each.rows, each.notes) for each in self._queue if each is not head]

        def commit() -> list[Head]:
            with self._journal.transaction() as transaction:
                for each in self._queue:
                    transaction.remove_head(each.seq)
                also(transaction)
                return [self._add(transaction, *piece) for piece in [*pieces, *later]]

        self._queue = deque(self._insist_on_disk(commit))

    def _is_replaced(self) -> bool:
        return self._patience.insist(self._needs("it cannot be looked at"), self._books.is_replaced)

    def _replace_stream(self, taken_over: bool = False, replaced: bool = False) -> None:
        """Finalise the stream, find out whether it holds the head, and open another.

        *taken_over*: rows in the table may be those of another engine, and say nothing of the head. *replaced*: the
        table is not the one that the stream was opened for, so the rows of a stream say nothing of the head.
        """
        head = self._queue[0] if self._queue else None
        if self._stream:
            written = self._finalised_with(head, taken_over, replaced)
            self._reached("stream_finalised")
            if written:
                self._commit_written(self._queue[0])
        name = self._patience.insist(self._needs(_PERMISSION), lambda: self._streams.create(self._path))

        self._patience.insist(self._needs("its new stream cannot be announced"), lambda: self._fence.announce(name))

        def commit() -> None:
            with self._journal.transaction() as transaction:
                transaction.open_stream(self._target, name)

        self._insist_on_disk(commit)
        self._reached("stream_opened")
        self._stream, self._offset, self._is_own = name, 0, True
        if self._queue:
            self._queue[0].attempted = False  # not on this stream
            self._reached("head_moved")

    def _take_back(self) -> None:
        """Forget every batch whose rows are not written."""

        def commit() -> None:
            with self._journal.transaction() as transaction:
                for head in self._queue:
                    transaction.remove_head(head.seq)

        self._insist_on_disk(commit)
        self._queue.clear()

    def _finalised_with(self, head: Head | None, taken_over: bool, replaced: bool) -> bool:
        """Finalise the stream; whether the head of the queue is written. HaltError when it holds anything else."""
        count = self._patience.insist(
            self._needs("its stream cannot be finalised"), lambda: self._streams.finalise(self._stream)
        )
        if count is None or replaced:
            return head is not None and not taken_over and self._found(head, replaced)
        if head is not None and count == self._offset + len(head):
            return True
        if count != self._offset:
            raise HaltError(
                f"{self._stream}: holds {count:,} rows where {self._offset:,} were committed; somebody else appended "
                "to this stream, or the journal is an old copy; see docs/promises.md"
            )
        return False

    def _found(self, head: Head, replaced: bool) -> bool:
        """The stream is gone with its count: ask the table itself.

        Rows that were appended together are there together, unless somebody took rows out of a table or put them back:
        then those that are there become a head of their own.
        """
        found = self._patience.insist(
            self._needs("the job needs bigquery.jobs.create, and bigquery.tables.getData on it"),
            lambda: self._books.stored(head.rows),
        )
        if replaced and 0 < len(found) < len(head):
            missing = sorted(set(range(len(head))) - set(found))
            self._rewrite(head, [found, missing], lambda _: None)
        elif len(found) not in (0, len(head)):
            raise HaltError(
                f"{self._path}: {len(found):,} of {len(head):,} rows that were appended together stand in the table"
            )
        return bool(found)

    def _add(self, transaction: Transaction, rows: pa.RecordBatch, notes: pa.RecordBatch) -> Head:
        wire = Rows.of(rows)
        stored = transaction.add_head(self._target, rows.num_rows, wire.schema, wire.data, to_ipc(notes))
        return Head(stored.seq, rows, notes, wire)

    def _insist_on_disk(self, commit: Callable[[], T]) -> T:
        return self._patience.insist(NEEDS_ROOM, commit)

    def _needs(self, what: str) -> str:
        return f"{self._path}: {what}; {PROVISION_MAKES}"


def rows_of(stored: StoredHead) -> pa.RecordBatch:
    """The rows of a committed batch."""
    schema = pa.ipc.read_schema(pa.py_buffer(stored.schema))
    return pa.ipc.read_record_batch(pa.py_buffer(stored.rows), schema)


def _from_journal(stored: StoredHead) -> Head:
    return Head(stored.seq, rows_of(stored), from_ipc(stored.notes), Rows(stored.schema, stored.rows), attempted=True)
