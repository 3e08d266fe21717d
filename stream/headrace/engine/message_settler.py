"""The outcome of each message of one subject: a row, a duplicate or a dead letter, noted before it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa

from headrace.core.dead_letter import DeadLetter, dead_letters, letter_requests, publish_request
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch, to_ipc
from headrace.core.outcome import Outcome
from headrace.core.tally import Tally, tally_rows, tally_written
from headrace.engine.clients import Clients
from headrace.engine.decided_rows import decided_rows
from headrace.engine.journal import Journal
from headrace.engine.pending_batch import CommitHook, Fence, PendingBatch
from headrace.engine.prepare import Prepared, tally_refused
from headrace.engine.retry import NEEDS_ROOM, RetryPolicy
from headrace.engine.seen_messages import receipts_of, with_receipts
from headrace.engine.status import LETTERS, SubjectStatus
from headrace.engine.subject_table import SubjectTable
from headrace.engine.table_writer import TableWriter
from headrace.engine.transaction import Transaction
from headrace.job import Job
from headrace.runtime.failpoints import reached
from headrace.runtime.rule_warning_log import RuleWarningLog
from headrace.steps.append import STAGE, refusals_by_bigquery


class MessageSettler:
    """Settles the messages of one subject, and keeps the records of its table's rows for the writer.

    It alone uses the seen messages and the writer.
    """

    def __init__(
        self,
        job: Job,
        subject: str,
        *,
        table: SubjectTable,
        journal: Journal,
        clients: Clients,
        status: SubjectStatus,
        retry: RetryPolicy,
        fence: Fence,
    ) -> None:
        self._job = job
        self._subject = subject
        self._table = table
        self._seen = table.seen
        self._journal = journal
        self._publisher = clients.publisher
        self._status = status
        self._retry = retry
        self._messages: Sequence[Message] = ()
        self._warnings = RuleWarningLog()
        self.writer = TableWriter(
            table.name,
            job.tables[subject],
            journal=journal,
            streams=clients.streams,
            retry=retry,
            bookkeeping=self,
            fence=fence,
        )

    def settle(self, messages: Mapping[bytes, Message], prepared: Prepared) -> None:
        """Give each message its outcome and commit it. *messages* are keyed by their receipts."""
        receipts, self._messages = list(messages), list(messages.values())
        self._publish(prepared.letters)
        batch = None if prepared.batch is None else with_receipts(prepared.batch, receipts)
        without_rows = _receipts_without_rows(batch, receipts)
        if batch is None:
            self._settle([], without_rows, prepared.tallies)
        else:
            self._settle_rows(batch, without_rows, prepared.tallies)
        if prepared.dropped:
            self._status.count("dropped", prepared.dropped)
        if prepared.warnings:
            self._status.warn(prepared.warnings)
            self._warnings.note(self._subject, prepared.warnings)
        if prepared.dropped_rows is not None:
            self._status.tap.note(Outcome.DROPPED, prepared.dropped_rows)
        self._seen.turn_when_due()

    def _settle_rows(self, batch: MicroBatch, receipts: bytes, tallies: Sequence[Tally]) -> None:
        """Decide on each row and settle it. *receipts* and *tallies* belong to messages without a row."""
        decided = decided_rows(batch, self._seen.decide(batch))
        self._publish(list(dead_letters(self._messages, batch, decided.refusals, STAGE)))
        reached("letters_published")
        duplicates = batch.take(decided.duplicates)
        refused = batch.take([refusal.index for refusal in decided.refusals])
        self._settle(
            decided.parts,
            receipts + receipts_of(duplicates.notes) + receipts_of(refused.notes),
            [
                *tallies,
                *tally_refused(batch, decided.refusals, self._job.window),
                *self._tally_duplicates(duplicates),
            ],
        )
        if decided.waiting:
            self._settle_rows(batch.take(decided.waiting), b"", [])

    def _settle(self, parts: Sequence[MicroBatch], receipts: bytes, tallies: Sequence[Tally]) -> None:
        """Write part after part. The first commit includes *receipts* and *tallies*, which are settled already."""

        def also(transaction: Transaction) -> None:
            self._seen.settle(transaction, receipts)
            _tally(transaction, tallies)

        if not parts:
            self._retry.call(NEEDS_ROOM, lambda: self._commit(also))
        for number, part in enumerate(parts):
            self.writer.write(part.rows, part.notes, also if number == 0 else _nothing)
        self._seen.settled(receipts)

    def _commit(self, also: Callable[[Transaction], None]) -> None:
        reached("before_commit")
        with self._journal.transaction() as transaction:
            also(transaction)
        reached("committed")

    def prepare_commit(self, notes: pa.RecordBatch, rows: pa.RecordBatch) -> CommitHook:
        """Return a function that remembers and counts these rows, to call in the transaction that records them."""
        batch = MicroBatch(self._subject, rows, notes, b"")
        remember = self._seen.prepare_commit(batch)
        window = self._job.window
        tallies = [tally_rows(batch, Outcome.RECEIVED, window), tally_written(batch, window)]

        def note(transaction: Transaction) -> Callable[[], None]:
            remembered = remember(transaction)
            _tally(transaction, tallies)

            def committed() -> None:
                remembered()
                self._status.count("written", len(batch))
                self._status.tap.note(Outcome.WRITTEN, batch)

            return committed

        return note

    def refuse(self, pending: PendingBatch, refused: Mapping[int, str]) -> Callable[[Transaction], None]:
        """Publish dead letters for refused rows, and return a function that counts them.

        Rows that an earlier process committed are only removed: their messages were not acknowledged, so they come
        again and are refused then.
        """
        if not self._messages:
            return _nothing
        batch = MicroBatch(self._subject, pending.rows, pending.notes, b"")
        refusals = refusals_by_bigquery(refused)
        self._publish(list(dead_letters(self._messages, batch, refusals, STAGE)))
        receipts = receipts_of(batch.take(list(refused)).notes)
        self._seen.settled(receipts)

        def also(transaction: Transaction) -> None:
            self._seen.settle(transaction, receipts)
            _tally(transaction, tally_refused(batch, refusals, self._job.window))

        return also

    def stored(self, rows: pa.RecordBatch) -> Sequence[int]:
        """Return the indexes of rows whose id is in the table."""
        return self._table.stored(rows)

    def is_replaced(self) -> bool:
        """Return whether the table was replaced, and forget what was remembered of it if so."""
        return self._table.is_replaced()

    def schema_mismatches(self) -> Sequence[str]:
        """Return the differences between the table and the contract."""
        return self._table.schema_mismatches()

    def _publish(self, letters: Sequence[DeadLetter]) -> None:
        if not letters:
            return
        topic, now = self._job.dead_letter_topic, datetime.now(UTC)
        need = f"{topic}: the job needs roles/pubsub.publisher on it; `headrace provision` makes it"
        while wrong := self._status.in_the_way.get(LETTERS):  # the dead letters would be lost
            self._retry.wait(wrong)
        for request in letter_requests(letters, self._job.sender, now):  # confirmed requests are not sent again
            self._retry.call(need, partial(publish_request, self._publisher, topic, request))
        for letter in letters:
            self._status.refuse(letter.reason, 1)
        self._status.tap.note_letters(self._job.project, letters)

    def _tally_duplicates(self, duplicates: MicroBatch) -> list[Tally]:
        if not len(duplicates):
            return []
        self._status.count("duplicate", len(duplicates))
        self._status.tap.note(Outcome.DUPLICATE, duplicates)
        window = self._job.window
        return [tally_rows(duplicates, Outcome.RECEIVED, window), tally_rows(duplicates, Outcome.DUPLICATE, window)]


def _tally(transaction: Transaction, tallies: Sequence[Tally]) -> None:
    if tallies:  # equal keys are added up when they are appended
        transaction.tally(to_ipc(pa.concat_batches([tally.counts for tally in tallies])))


def _receipts_without_rows(batch: MicroBatch | None, receipts: Sequence[bytes]) -> bytes:
    """Return the packed receipts of messages without a row."""
    if batch is None:
        return b"".join(receipts)
    if len(batch) == len(receipts):
        return b""
    rows = set(batch.notes.column("message").to_pylist())
    return b"".join([each for index, each in enumerate(receipts) if index not in rows])


def _nothing(transaction: Transaction) -> None:
    """Add nothing to the commit."""
