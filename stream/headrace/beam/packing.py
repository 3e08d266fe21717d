"""The formats of batches and pending appends between stages and in state. A running job must be able to read them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import pyarrow as pa

from headrace.core.micro_batch import MicroBatch, from_ipc, to_ipc


@dataclass(frozen=True, slots=True)
class PendingAppend:
    """The end of a stream, and the committed batches to append there in one request, if any.

    *assigned_at* is in microseconds since 1970.
    """

    stream: str
    offset: int
    assigned_at: int
    batches: tuple[MicroBatch, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return sum(len(batch) for batch in self.batches)

    @property
    def rows(self) -> pa.RecordBatch:
        """All rows, in the order of the batches."""
        return pa.concat_batches([batch.rows for batch in self.batches])


@dataclass(frozen=True, slots=True)
class QueuedBatch:
    """A batch that is deduplicated but not yet assigned to an offset.

    If *alone*, the batch belongs to one half of an append that was refused as a whole. That half is appended unchanged
    and without other batches.
    """

    batch: MicroBatch
    alone: bool = False


def pack_batch(batch: MicroBatch) -> bytes:
    """Return subject, rows, notes (Arrow IPC streams) and sealed messages as bytes, each with its length."""
    return _join(batch.subject.encode(), to_ipc(batch.rows), to_ipc(batch.notes), batch.sealed)


def unpack_batch(data: bytes) -> MicroBatch:
    """Read the output of :func:`pack_batch`."""
    subject, rows, notes, sealed = _split(data)
    return MicroBatch(subject.decode(), from_ipc(rows), from_ipc(notes), sealed)


def pack_pending(pending: PendingAppend) -> bytes:
    """Return a pending append as bytes."""
    position = struct.pack(">qq", pending.offset, pending.assigned_at)
    return _join(pending.stream.encode(), position, *(pack_batch(batch) for batch in pending.batches))


def unpack_pending(data: bytes) -> PendingAppend:
    """Read the output of :func:`pack_pending`."""
    stream, position, *batches = _split(data)
    offset, assigned_at = struct.unpack(">qq", position)
    return PendingAppend(stream.decode(), offset, assigned_at, tuple(unpack_batch(batch) for batch in batches))


def pack_queued(queued: QueuedBatch) -> bytes:
    """Return a queued batch as bytes."""
    return bytes([queued.alone]) + pack_batch(queued.batch)


def unpack_queued(data: bytes) -> QueuedBatch:
    """Read the output of :func:`pack_queued`."""
    return QueuedBatch(unpack_batch(data[1:]), bool(data[0]))


def _join(*parts: bytes) -> bytes:
    return b"".join(piece for part in parts for piece in (struct.pack(">I", len(part)), part))


def _split(data: bytes) -> list[bytes]:
    parts, position = [], 0
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        parts.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    return parts
