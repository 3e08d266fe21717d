"""Batches that are committed but not known to be written, and the records that a table's owner keeps of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import pyarrow as pa

from headrace.bigquery.write_streams import Rows
from headrace.core.micro_batch import from_ipc
from headrace.engine.transaction import StoredBatch, Transaction

# Called within the transaction that records rows as written; returns a function to call after the commit.
CommitHook: TypeAlias = Callable[[Transaction], Callable[[], None]]


@dataclass
class PendingBatch:
    """A committed batch that is not known to be written or refused. *wire* has the committed bytes of *rows* to send.

    If *attempted*, it may have been sent before. *commit_hook* is set as soon as it is prepared.
    """

    seq: int
    rows: pa.RecordBatch = field(repr=False)
    notes: pa.RecordBatch = field(repr=False)
    wire: Rows = field(repr=False)
    attempted: bool = False
    commit_hook: CommitHook | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return int(self.rows.num_rows)


class Bookkeeping(Protocol):
    """The records that a table's owner keeps of its rows. The table's writer calls it in and around transactions."""

    def prepare_commit(self, notes: pa.RecordBatch, rows: pa.RecordBatch) -> CommitHook:
        """Return a function to call inside the transaction that records these rows as written."""

    def refuse(self, pending: PendingBatch, refused: Mapping[int, str]) -> Callable[[Transaction], None]:
        """Publish dead letters of the rows at the indexes *refused*; return a function for the commit without them."""

    def stored(self, rows: pa.RecordBatch) -> Sequence[int]:
        """Return the indexes of those of *rows* that are already in the table."""

    def is_replaced(self) -> bool:
        """Return whether the table was replaced or lost rows; if so, forget what was remembered about it.

        The row count of a stream to the former table is no longer valid. Raise the client's errors.
        """

    def schema_mismatches(self) -> Sequence[str]:
        """Return the differences between table and contract that prevent the writing of rows."""


class Fence(Protocol):
    """A check that prevents two engines from writing the same tables."""

    def check(self) -> None:
        """Raise FencedError if another engine has taken over."""

    def announce(self, stream: str) -> None:
        """Record for other engines that this one will append to *stream*."""


def rows_of(stored: StoredBatch) -> pa.RecordBatch:
    """Return the rows of a committed batch."""
    schema = pa.ipc.read_schema(pa.py_buffer(stored.schema))
    return pa.ipc.read_record_batch(pa.py_buffer(stored.rows), schema)


def from_journal(stored: StoredBatch) -> PendingBatch:
    """Return a batch that an earlier process committed; it may have been sent."""
    return PendingBatch(
        stored.seq, rows_of(stored), from_ipc(stored.notes), Rows(stored.schema, stored.rows), attempted=True
    )
