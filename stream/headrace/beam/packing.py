"""Batches and heads as bytes, between stages and in state: a running job's data must stay readable."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import pyarrow as pa

from headrace.core.micro_batch import MicroBatch, from_ipc, to_ipc


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream ends, and the batches committed to go there in one append; none when it is idle.

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
class Waiting:
    """A batch decided but not yet assigned; *alone*: of half of what was refused as a whole, which is appended as it is
    and with nothing else."""

    batch: MicroBatch
    alone: bool = False


def pack_batch(batch: MicroBatch) -> bytes:
    """Subject, rows, notes (Arrow IPC streams) and sealed messages, each with its length."""
    return _join(batch.subject.encode(), to_ipc(batch.rows), to_ipc(batch.notes), batch.sealed)


def unpack_batch(data: bytes) -> MicroBatch:
    """Read back what :func:`pack_batch` wrote."""
    subject, rows, notes, sealed = _split(data)
    return MicroBatch(subject.decode(), from_ipc(rows), from_ipc(notes), sealed)


def pack_head(head: Head) -> bytes:
    """Write a head."""
    place = struct.pack(">qq", head.offset, head.assigned_at)
    return _join(head.stream.encode(), place, *(pack_batch(batch) for batch in head.batches))


def unpack_head(data: bytes) -> Head:
    """Read back what :func:`pack_head` wrote."""
    stream, place, *batches = _split(data)
    offset, assigned_at = struct.unpack(">qq", place)
    return Head(stream.decode(), offset, assigned_at, tuple(unpack_batch(batch) for batch in batches))


def pack_waiting(waiting: Waiting) -> bytes:
    """Write a waiting batch."""
    return bytes([waiting.alone]) + pack_batch(waiting.batch)


def unpack_waiting(data: bytes) -> Waiting:
    """Read back what :func:`pack_waiting` wrote."""
    return Waiting(unpack_batch(data[1:]), bool(data[0]))


def _join(*parts: bytes) -> bytes:
    return b"".join(piece for part in parts for piece in (struct.pack(">I", len(part)), part))


def _split(data: bytes) -> list[bytes]:
    parts, position = [], 0
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        parts.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    return parts
