"""Micro-batches, the job's unit of work: some hundred events of one subject, in Arrow columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# The job's own values for each row. Hashes are signed 64-bit integers; times are in microseconds.
NOTES: Final = pa.schema(
    [
        ("event_key", pa.binary(16)),  # hash of ce-id, which deduplication compares
        ("content_hash", pa.int64()),  # hash of the decoded values: tells a duplicate from a conflict
        ("event_time", pa.int64()),
        ("published_at", pa.int64()),
        ("first_published_at", pa.int64()),  # before published_at if the message is a replay
        ("window_start", pa.int64()),  # 0 until the window step has run
        ("message", pa.int32()),  # index among the sealed messages
    ]
)

# The rule of content hashes of the payload's bytes, which earlier releases took. Their notes do not name a rule.
PAYLOAD_RULE: Final = 1
_RULE: Final = b"content_rule"


def notes_by(rule: int) -> pa.Schema:
    """Return the schema of notes whose content hashes have a *rule* (:func:`headrace.schemas.content_rule.rule_of`)."""
    return NOTES.with_metadata({_RULE: str(rule)})


def rule_of_notes(notes: pa.RecordBatch) -> int:
    """Return the rule of the content hashes of *notes*."""
    return int((notes.schema.metadata or {}).get(_RULE, PAYLOAD_RULE))


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """The rows of one subject, notes on each row, and the original messages, sealed.

    *rows* has the columns that are appended; before the mask step, the decoded payload. *notes* has the schema
    :data:`NOTES`. Both have one row for each event, in the same order.
    """

    subject: str
    rows: pa.RecordBatch = field(repr=False)
    notes: pa.RecordBatch = field(repr=False)
    sealed: bytes = field(repr=False)

    def __len__(self) -> int:
        return int(self.notes.num_rows)

    def take(self, indices: Sequence[int]) -> MicroBatch:
        """Return the rows at *indices*, in that order."""
        if len(indices) == len(self):
            return self
        chosen = pa.array(indices, pa.int64())
        return replace(self, rows=self.rows.take(chosen), notes=self.notes.take(chosen))


def key_rows(column: pa.Array) -> npt.NDArray[np.uint64]:
    """Return the values of a ``binary(16)`` column without nulls as rows of two 64-bit words, without copying them."""
    if not len(column):
        return np.empty((0, 2), np.uint64)
    words = np.frombuffer(column.buffers()[1], np.uint64, count=2 * (column.offset + len(column)))
    return words.reshape(-1, 2)[column.offset :]


def to_ipc(batch: pa.RecordBatch) -> bytes:
    """Write one record batch, with its schema, to bytes."""
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(out.getvalue())


def from_ipc(data: bytes) -> pa.RecordBatch:
    """Read back what :func:`to_ipc` wrote."""
    return pa.ipc.open_stream(data).read_next_batch()
