"""Batches that are committed and not known to be written, and the records that a table's owner keeps of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import pyarrow as pa

from headrace.bigquery.write_streams import Rows
from headrace.core.micro_batch import from_ipc
from headrace.engine.transaction import StoredBatch, Transaction

# Called within the transaction that records rows as written; returns a function to call once that is committed.
CommitHook: TypeAlias = Callable[[Transaction], Callable[[], None]]


@dataclass
class PendingBatch:
    """A committed batch that is not known to be written or refused. *wire* is *rows* as committed, and as sent.

    *attempted*: it may have been sent before. *commit_hook* is set as soon as it is prepared.
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
    """The records that a table's owner keeps of its rows; called within transactions and around them."""

    def prepare_commit(self, notes: pa.RecordBatch, rows: pa.RecordBatch) -> CommitHook:
        """Return a function to call inside the transaction that records these rows as written."""

    def refuse(self, pending: PendingBatch, refused: Mapping[int, str]) -> Callable[[Transaction], None]:
        """Make dead letters of the rows at these indexes, durably; return what to commit with their removal."""

    def stored(self, rows: pa.RecordBatch) -> Sequence[int]:
        """Return the indexes of those of *rows* that the table already holds."""

    def is_replaced(self) -> bool:
        """Whether the table is another one, or lost rows; then what was remembered of it is forgotten.

        The row count of a stream to the former table no longer counts. Raises what the client raises.
        """

    def schema_mismatches(self) -> Sequence[str]:
        """Return the differences between table and contract that keep rows from being written."""


class Fence(Protocol):
    """Keeps two engines from writing the same tables."""

    def check(self) -> None:
        """Raise FencedError when another engine has taken over."""

    def announce(self, stream: str) -> None:
        """Record for other engines that this one is about to append to *stream*."""


def rows_of(stored: StoredBatch) -> pa.RecordBatch:
    """Return the rows of a committed batch."""
    schema = pa.ipc.read_schema(pa.py_buffer(stored.schema))
    return pa.ipc.read_record_batch(pa.py_buffer(stored.rows), schema)


def from_journal(stored: StoredBatch) -> PendingBatch:
    """Return a batch that an earlier process committed; it may have been sent."""
    return PendingBatch(
        stored.seq, rows_of(stored), from_ipc(stored.notes), Rows(stored.schema, stored.rows), attempted=True
    )
