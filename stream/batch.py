"""The unit of work: some hundred events of one subject, in Arrow columns."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import apache_beam as beam
import pyarrow as pa

# What the job notes of each row beside its columns. Hashes are 64-bit, as signed integers; times in microseconds.
NOTES: Final = pa.schema(
    [
        ("event_key", pa.binary(16)),  # hash of ce-id: what deduplication compares
        ("content_hash", pa.int64()),  # hash of the payload: same id, same content?
        ("event_time", pa.int64()),
        ("published_at", pa.int64()),
        ("window_start", pa.int64()),  # 0 until Window has run
        ("message", pa.int32()),  # index among the sealed messages
    ]
)


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Rows of one subject, notes on each row, and the original messages, sealed.

    *rows* holds what is appended (before Mask: the payload as decoded), *notes* has schema :data:`NOTES`;
    both have one line per event, in the same order.
    """

    subject: str
    rows: pa.RecordBatch = field(repr=False)
    notes: pa.RecordBatch = field(repr=False)
    sealed: bytes = field(repr=False)

    def __len__(self) -> int:
        return int(self.notes.num_rows)

    def take(self, indices: Sequence[int]) -> MicroBatch:
        """Keep the rows at *indices*, in that order."""
        if len(indices) == len(self):
            return self
        chosen = pa.array(indices, pa.int64())
        return replace(self, rows=self.rows.take(chosen), notes=self.notes.take(chosen))


class MicroBatchCoder(beam.coders.Coder):  # type: ignore[misc]
    """A micro-batch as bytes: subject, rows, notes (Arrow IPC streams) and sealed messages, each with its length."""

    def encode(self, batch: MicroBatch) -> bytes:
        """Write the four parts."""
        parts = (batch.subject.encode(), to_ipc(batch.rows), to_ipc(batch.notes), batch.sealed)
        return b"".join(piece for part in parts for piece in (struct.pack(">I", len(part)), part))

    def decode(self, encoded: bytes) -> MicroBatch:
        """Read the four parts back."""
        parts, position = [], 0
        while position < len(encoded):
            (length,) = struct.unpack_from(">I", encoded, position)
            parts.append(encoded[position + 4 : position + 4 + length])
            position += 4 + length
        subject, rows, notes, sealed = parts
        return MicroBatch(subject.decode(), from_ipc(rows), from_ipc(notes), sealed)

    def is_deterministic(self) -> bool:
        """Sealing draws a nonce, so equal batches differ in bytes."""
        return False

    def to_type_hint(self) -> Any:
        """What this codes."""
        return MicroBatch


beam.coders.registry.register_coder(MicroBatch, MicroBatchCoder)


def to_ipc(batch: pa.RecordBatch) -> bytes:
    """Write one record batch with its schema."""
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(out.getvalue())


def from_ipc(data: bytes) -> pa.RecordBatch:
    """Read back what :func:`to_ipc` wrote."""
    return pa.ipc.open_stream(data).read_next_batch()
