"""One subject from its source to its table: take, prepare, decide, write, acknowledge; round over round."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import assert_never

import pyarrow as pa
from google.cloud import bigquery
from google.pubsub_v1 import PublisherClient

from headrace.bigquery.event_table import derived_columns, table_for
from headrace.bigquery.existing_rows import StoredRows
from headrace.bigquery.write_streams import WriteStreams
from headrace.core.dead_letter import DeadLetter, dead_letters, letter_requests, publish_request
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch, to_ipc
from headrace.core.resource_names import Names
from headrace.core.tally import Outcome, Tally, tally_lost, tally_rows, tally_written
from headrace.engine.journal import Journal
from headrace.engine.pending_batch import CommitHook, Fence, PendingBatch
from headrace.engine.prepare import Prepared, tally_refused
from headrace.engine.retry import NEEDS_ROOM, RetryPolicy
from headrace.engine.round_pipeline import RoundPipeline, Stages
from headrace.engine.rounds import Round, next_round
from headrace.engine.scheduler import Steps, Wake
from headrace.engine.seen_messages import SeenMessages, receipts_of, with_receipts
from headrace.engine.sources import Preparer, Source
from headrace.engine.status import FAILED, LETTERS, SubjectStatus
from headrace.engine.table_watch import Change, TableReplacedError, TableWatch
from headrace.engine.table_writer import TableWriter
from headrace.engine.transaction import Transaction
from headrace.job import Job
from headrace.runtime.failpoints import reached
from headrace.steps.append import STAGE, refusals_by_bigquery, within_requests


@dataclass(frozen=True, slots=True)
class Clients:
    """What one subject talks to; a thread that is about to wait for it for long calls *make_room* before."""

    publisher: PublisherClient
    bigquery: bigquery.Client
    streams: WriteStreams
    make_room: Callable[[], None] = lambda: None


class SubjectLoop:
    """Runs one subject until *stop*.

    Its steps alone use the seen messages and the writer; of the stages that run beside them one touches nothing but
    the preparer, the other nothing but the source.

    *begins_at*, in monotonic seconds, is when there is time to look at what the table holds.
    """

    def __init__(
        self,
        job: Job,
        subject: str,
        names: Names,
        journal: Journal,
        clients: Clients,
        source: Source,
        status: SubjectStatus,
        stop: threading.Event,
        fence: Fence,
        round_messages: int,
        preparer: Preparer,
        wake: Wake,
        begins_at: float,
    ) -> None:
        self._job = job
        self._subject = subject
        self._table = job.registry.latest(subject).options.table
        sql = names.sql(self._table)
        self._columns = table_for(job.registry.latest(subject), names.project, names.dataset).schema
        self._stored_rows = StoredRows(clients.bigquery, sql, derived_columns(job.registry.latest(subject)))
        self._journal = journal
        self._clients = clients
        self.source = source
        self._status = status
        self._stop = stop
        self._round_messages = round_messages
        self._retry = RetryPolicy("write", status, stop, clients.make_room)
        self._sql = sql
        self._needs_queries = needs_queries = (
            f"{sql}: the job needs bigquery.jobs.create, and bigquery.tables.getData on it; "
            "`headrace provision` makes it"
        )
        self._seen = SeenMessages(
            self._table, journal, self._stored_rows, needs_queries, self._retry, job.ids_remembered, source.finite
        )
        self.watch = TableWatch(self._table, sql, journal, clients.bigquery, status, changed=wake)
        self._preparer = preparer
        self._messages: Sequence[Message] = ()
        self._left: Round | None = None  # what the round that was prepared last had no room for; taken next
        self._writer = TableWriter(self._table, job.tables[subject], journal, clients.streams, self._retry, self, fence)
        self._complete_until = 0
        self._begins_at = begins_at
        self.has_begun = False

    def complete_until(self) -> int:
        """Up to which publish time all has its outcome, in microseconds; 0 when not known. Any thread may ask."""
        if self._status.resources_right and self.has_begun:
            self._complete_until = max(self._complete_until, self.source.drained_at)
        if self._complete_until:  # it began anew after an error, and all that was published has its outcome by now
            self._status.unblock(FAILED)
        return self._complete_until

    def recover(self) -> Steps[None]:
        """Settle what an earlier process left open. Where nothing is open, all that is seen is that there is a table:
        what it holds is asked for when there is time, or when the first messages have come."""
        is_open = self.source.finite or self._journal.is_taken_over(self._table) or self._journal.pending(self._table)
        look = partial(self.watch.look, ask_for_rows=bool(is_open))
        change = yield from self._retry.call_as_steps(self._needs_queries, look)
        if is_open:
            self._begin(change)
        self._status.ready = True
        yield 0.0

    def _begin_once(self) -> None:
        """Know what the table holds: before the first messages are taken."""
        if not self.has_begun:
            self._begin(self._retry.call(self._needs_queries, self.watch.look))

    def _begin(self, change: Change | None) -> None:
        """Load what the journal remembers of the table as it is, and settle what was left open."""
        taken_over = self._journal.is_taken_over(self._table)
        if change is None:
            self._seen.recall(taken_over)
        else:
            self._adopt(change)
        self._writer.recover(taken_over, replaced=change in (Change.REPLACED, Change.EMPTIED))
        if taken_over:
            with self._journal.transaction() as transaction:
                transaction.settle_takeover(self._table)
        self.has_begun = True

    def is_replaced(self) -> bool:
        """Look whether the table is another one, or lost rows; then what is remembered of it is forgotten.

        Raises:
            TableReplacedError: lines of a file were written to the former one and are passed over, so all begins anew.
        """
        change = self._retry.call(self._needs_queries, self.watch.look)
        if change is None:
            self.watch.is_as_it_was()
            return False
        if self.source.finite:
            raise TableReplacedError(
                f"{self._sql}: the table was made anew or lost rows while history was written to it; run the command "
                "again: it begins at the first line, and writes what the table does not hold"
            )
        self._adopt(change)
        return True

    def _adopt(self, change: Change) -> None:
        identity, now = self.watch.identity, self._job.clock()

        def note(transaction: Transaction) -> None:
            match change:
                case Change.REPLACED:
                    if lost := transaction.replace_table(self._table, identity):
                        self._tally(transaction, [tally_lost(self._subject, lost, now, self._job.window)])
                case Change.NEW | Change.EMPTIED:  # nobody knows how many rows are left of it
                    transaction.identify(self._table, identity)
                case _:
                    assert_never(change)

        self._seen.forget(note)
        self.watch.adopted(change)

    def _follow_table(self) -> None:
        """Go on with the table as it is now, when it is seen to be another one: when that was long ago, look again."""
        if self.watch.is_overdue:
            self.watch.watch()
        if self.watch.is_change_open and self.is_replaced():
            self._writer.reopen()

    def run(self, stages: Stages) -> Steps[None]:
        """Run round after round until the engine stops.

        Raises CircuitOpenError, StoppedError, HaltError, FencedError, JournalError.
        """
        self._left = None
        pipeline = RoundPipeline(stages, self._take, self._prepare, self._write, self._acknowledge, self._rest)
        return pipeline.run(self._stop.is_set)

    def _take(self, in_hand: Round | None) -> Round | None:
        """The next round, if there is one."""
        if self._left is not None:
            left, self._left = self._left, None
            return left
        if in_hand is not None and self.source.finite:
            return None  # it may stop the engine, and a stopped engine does not retry
        pulled = self.source.take(self._round_messages, None if in_hand else 0.0)
        if not pulled:
            return None
        self._begin_once()
        if in_hand is None:
            self._follow_table()
        reached("pulled")
        return next_round(pulled, self._seen.unsettled, in_hand)

    def _rest(self) -> float | None:
        """Do what there is time for; how long to wait until there is."""
        left = 0.0 if self.has_begun else self._begins_at - time.monotonic()
        if left > 0:
            return left
        self._begin_once()
        if self.watch.is_change_open:
            self._follow_table()
        return None

    def _prepare(self, taken: Round) -> Round:
        if not taken.messages:
            return taken
        prepared = self._preparer.prepare(list(taken.messages.values()), self._job.clock())
        reached("decoded")
        ready, self._left = taken.cut(prepared)
        return ready

    def _write(self, ready: Round) -> None:
        self._follow_table()
        self._messages = list(ready.messages.values())
        if ready.prepared is not None:
            self._status.count("received", len(ready.messages))
            self._ingest(list(ready.messages), ready.prepared)
        self._status.count("redelivered", ready.redelivered)

    def _acknowledge(self, written: Round) -> None:
        self.source.acknowledge(written.pulled)
        self._status.count("acknowledged", written.received)
        self._status.unblock(FAILED)
        published = [message.published_at for each in written.pulled for message in each.messages]
        self._status.time(self._job.clock(), published)
        reached("acknowledged")

    def _ingest(self, receipts: Sequence[bytes], prepared: Prepared) -> None:
        """Settle messages, by their receipts, as they were prepared."""
        self._publish(prepared.letters)
        batch = None if prepared.batch is None else with_receipts(prepared.batch, receipts)
        unread = _unread(batch, receipts)
        if batch is None:
            self._settle([], unread, prepared.tallies)
        else:
            self._settle_rows(batch, unread, prepared.tallies)
        if prepared.dropped:
            self._status.count("dropped", prepared.dropped)
        self._seen.turn_when_due()

    def _settle_rows(self, batch: MicroBatch, receipts: bytes, tallies: Sequence[Tally]) -> None:
        """Decide on each row and settle it; *receipts* and *tallies* are of messages that gave none.

        A row that conflicts with another of the same batch waits until that one is written: had it been dead-lettered
        before, and the two come again in another order, it would be written too.
        """
        decision = self._seen.decide(batch)
        waiting = set(decision.same_batch_conflicts)
        parts, too_large = within_requests(batch, decision.fresh)
        refusals = [*(each for each in decision.conflicts if each.index not in waiting), *too_large]
        self._publish(list(dead_letters(self._messages, batch, refusals, STAGE)))
        reached("letters_published")
        duplicates, refused = batch.take(decision.duplicates), batch.take([refusal.index for refusal in refusals])
        self._settle(
            parts,
            receipts + receipts_of(duplicates.notes) + receipts_of(refused.notes),
            [
                *tallies,
                *tally_refused(batch, refusals, self._job.window),
                *self._tally_duplicates(duplicates),
            ],
        )
        if waiting:
            self._settle_rows(batch.take(sorted(waiting)), b"", [])

    def _settle(self, parts: Sequence[MicroBatch], receipts: bytes, tallies: Sequence[Tally]) -> None:
        """Commit what is settled already with the first part, then write part after part."""

        def also(transaction: Transaction) -> None:
            self._seen.settle(transaction, receipts)
            self._tally(transaction, tallies)

        if not parts:
            self._retry.call(NEEDS_ROOM, lambda: self._commit(also))
        for number, part in enumerate(parts):
            self._writer.write(part.rows, part.notes, also if number == 0 else _nothing)
        self._seen.settled(receipts)

    def _commit(self, also: Callable[[Transaction], None]) -> None:
        reached("before_commit")
        with self._journal.transaction() as transaction:
            also(transaction)
        reached("committed")

    # What the writer notes of its rows.

    def prepare_commit(self, notes: pa.RecordBatch, rows: pa.RecordBatch) -> CommitHook:
        """Return a function to call inside the transaction that records these rows: it remembers and counts them."""
        batch = MicroBatch(self._subject, rows, notes, b"")
        remember = self._seen.prepare_commit(batch)
        window = self._job.window
        tallies = [tally_rows(batch, Outcome.RECEIVED, window), tally_written(batch, window)]

        def note(transaction: Transaction) -> Callable[[], None]:
            remembered = remember(transaction)
            self._tally(transaction, tallies)

            def committed() -> None:
                remembered()
                self._status.count("written", len(batch))

            return committed

        return note

    def refuse(self, pending: PendingBatch, refused: Mapping[int, str]) -> Callable[[Transaction], None]:
        """Publish dead letters of refused rows, and give what counts them.

        Rows that an earlier process committed are only taken back: their messages were never acknowledged, so they
        come again, and are refused with the message at hand.
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
            self._tally(transaction, tally_refused(batch, refusals, self._job.window))

        return also

    def stored(self, rows: pa.RecordBatch) -> Sequence[int]:
        """Give the indexes of rows whose id the table holds."""
        return self._stored_rows.find(rows)

    def schema_mismatches(self) -> Sequence[str]:
        """Say in what the table is not as the contract wants it."""
        return self._stored_rows.schema_mismatches(self._columns)

    def _publish(self, letters: Sequence[DeadLetter]) -> None:
        if not letters:
            return
        topic, now = self._job.dead_letter_topic, datetime.now(UTC)
        need = f"{topic}: the job needs roles/pubsub.publisher on it; `headrace provision` makes it"
        while wrong := self._status.in_the_way.get(LETTERS):  # nobody would keep what is published now
            self._retry.wait(wrong)
        for request in letter_requests(letters, self._job.sender, now):  # what is confirmed is not sent again
            self._retry.call(need, partial(publish_request, self._clients.publisher, topic, request))
        for letter in letters:
            self._status.refuse(letter.reason, 1)

    def _tally_duplicates(self, duplicates: MicroBatch) -> list[Tally]:
        if not len(duplicates):
            return []
        self._status.count("duplicate", len(duplicates))
        window = self._job.window
        return [tally_rows(duplicates, Outcome.RECEIVED, window), tally_rows(duplicates, Outcome.DUPLICATE, window)]

    def _tally(self, transaction: Transaction, tallies: Sequence[Tally]) -> None:
        if tallies:  # which are added up when they are appended
            transaction.tally(to_ipc(pa.concat_batches([tally.counts for tally in tallies])))


def _unread(batch: MicroBatch | None, receipts: Sequence[bytes]) -> bytes:
    """The receipts of messages that gave no row, packed."""
    if batch is None:
        return b"".join(receipts)
    if len(batch) == len(receipts):
        return b""
    rows = set(batch.notes.column("message").to_pylist())
    return b"".join([each for index, each in enumerate(receipts) if index not in rows])


def _nothing(transaction: Transaction) -> None:
    """Add nothing to a commit."""
