"""The messages that one subject has seen: ids in its table, and messages whose outcome is durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from headrace.bigquery.existing_rows import StoredRows, compare_old, remembered_since
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch, key_rows
from headrace.engine.journal import Journal
from headrace.engine.receipts import Receipts, receipts_for
from headrace.engine.retry import NEEDS_ROOM, RetryPolicy
from headrace.engine.transaction import Transaction
from headrace.engine.witnesses import Witnesses
from headrace.runtime.failpoints import reached
from headrace.schemas.envelope import from_micros
from headrace.steps.deduplicate import Decision, SeenIds

_ALWAYS: Final = 2**63 - 1
_LOG = structlog.get_logger("headrace")


class SeenMessages:
    """The seen messages of one *table*: in the journal, with a copy in memory for frequent lookups.

    *budget* is the number of ids to remember. Ids of messages published before the remembered ones are looked up in the
    table. Those of a *finite* source are all looked up, because their times are not Pub/Sub's. Publish times are
    compared with BigQuery's clock, never with the clock of this machine. Remembered content hashes are compared if they
    have one of the *comparable* rules; otherwise the row is looked up, too.
    """

    def __init__(
        self,
        table: str,
        journal: Journal,
        *,
        stored_rows: StoredRows,
        needs_queries: str,
        retry: RetryPolicy,
        budget: int,
        finite: bool = False,
        comparable: frozenset[int] | None = None,
    ) -> None:
        self._table = table
        self._journal = journal
        self._stored_rows = stored_rows
        self._needs_queries = needs_queries
        self._retry = retry
        self._budget = budget
        self._finite = finite
        self._comparable = comparable

    def recall(self, taken_over: bool) -> None:
        """Load the content of the journal.

        If it has nothing, or an engine with another journal has received messages since (*taken_over*), look up all
        messages published until now in the table.
        """
        if taken_over or self._journal.remembered(self._table) is None:
            self._remember_since(self._first_remembered())
        self._load()

    def forget(self, note: Callable[[Transaction], None]) -> None:
        """Forget ids and messages; from now on, look up all messages published until now in the table.

        *note* adds changes to the same commit, such as the identity of the table that is remembered from now on.
        """
        since = self._first_remembered()

        def commit() -> None:
            with self._journal.transaction() as transaction:
                transaction.forget(self._table)
                transaction.remember_since(self._table, since)
                note(transaction)

        self._retry.call(NEEDS_ROOM, commit)
        self._say(since)
        self._load()

    def _load(self) -> None:
        remembered = self._journal.remembered(self._table)
        assert remembered is not None  # noqa: S101 recorded before it is loaded
        self._generation, self._since, self._newest = remembered.generation, remembered.since, remembered.newest
        older, recent = remembered.older, remembered.recent
        self._seen = SeenIds(older, recent, budget=self._budget, comparable=self._comparable)
        self._receipts = Receipts(self._journal.receipts(self._table))
        self._witnesses = Witnesses(self._journal.witnesses(self._table))

    def unsettled(self, messages: Sequence[Message]) -> dict[bytes, Message]:
        """Return those of *messages* whose outcome is open, each once, by their receipts."""
        keys = receipts_for(messages)
        every = zip(keys, messages, self._receipts.known(keys), strict=True)
        return {key: message for key, message, is_known in every if not is_known}

    def decide(self, batch: MicroBatch) -> Decision:
        """Decide which rows are new, duplicates or conflicts."""
        decision = self._seen.decide(batch, self._stored(batch))
        reached("looked_up")
        return decision

    def prepare_commit(self, batch: MicroBatch) -> Callable[[Transaction], Callable[[], None]]:
        """Return a function that remembers rows and their messages.

        Call it inside the transaction that records the rows as written. It returns a function to call after the commit.
        """
        newest = pc.max(batch.notes.column("published_at")).as_py()
        entries, receipts = self._seen.packed(batch), receipts_of(batch.notes)
        witnesses = self._witnesses.offer(batch.rows)

        def committed() -> None:
            self._newest = max(self._newest, newest)
            self._seen.remember(batch)
            self.settled(receipts)

        def note(transaction: Transaction) -> Callable[[], None]:
            transaction.remember(self._table, self._generation, newest, entries)
            self.settle(transaction, receipts)
            if witnesses is not None:
                transaction.keep_witnesses(self._table, witnesses)
            return committed

        return note

    def settle(self, transaction: Transaction, receipts: bytes) -> None:
        """Remember messages whose outcome is durable with this transaction."""
        transaction.receive(self._table, self._receipts.generation, receipts)

    def settled(self, receipts: bytes) -> None:
        """Remember committed receipts in memory, too."""
        self._receipts.add(receipts)

    def turn_when_due(self) -> None:
        """Forget the older half of the ids if the budget is used up; then look up messages published until now.

        These are more messages than those whose ids are forgotten, by a whole generation. Two messages with one id may
        be published shortly after each other, and the second may arrive much later, after the id of the first is
        forgotten.
        """
        if not self._seen.is_due():
            return
        now = self._retry.call(self._needs_queries, self._stored_rows.now)
        self._generation += 1

        def commit() -> None:
            with self._journal.transaction() as transaction:
                transaction.start_generation(self._table, self._generation, max(self._newest, now))

        self._retry.call(NEEDS_ROOM, commit)
        reached("ids_turned")
        self._seen.turn()
        self._since = self._journal.since(self._table)

    def _stored(self, batch: MicroBatch) -> dict[int, bool]:
        """Return the indexes of rows to look up whose id is in the table, and for each whether the content is the same.

        No committed row waits for its append meanwhile, so a remembered id is in the table, unless its row was deleted.
        """

        def compare(rows: pa.RecordBatch) -> dict[int, bool]:
            return self._retry.call(self._needs_queries, lambda: self._stored_rows.compare(rows))

        since = _ALWAYS if self._finite and self._since else self._since
        return compare_old(batch, since, compare, self._seen.unsettled(batch))

    def _first_remembered(self) -> int:
        return self._retry.call(self._needs_queries, lambda: remembered_since(self._stored_rows))

    def _remember_since(self, moment: int) -> None:
        def commit() -> None:
            with self._journal.transaction() as transaction:
                transaction.remember_since(self._table, moment)

        self._retry.call(NEEDS_ROOM, commit)
        self._say(moment)

    def _say(self, moment: int) -> None:
        since = str(from_micros(moment)) if moment else "the first message"
        _LOG.info("remembers", table=self._table, since=since)


def with_receipts(batch: MicroBatch, receipts: Sequence[bytes]) -> MicroBatch:
    """Add the receipt of its message to the notes of each row."""
    noted = pa.array(receipts, pa.binary(16)).take(batch.notes.column("message"))
    return replace(batch, notes=batch.notes.append_column("receipt", noted))


def receipts_of(notes: pa.RecordBatch) -> bytes:
    """Return the packed receipts in the notes of rows."""
    return key_rows(notes.column("receipt")).tobytes()
