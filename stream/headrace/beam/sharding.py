"""Split batches by shard, so that only one (table, shard) decides about an id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from headrace.beam.state import Key
from headrace.core.micro_batch import MicroBatch, key_rows
from headrace.core.sealed_messages import seal, unseal

KeyedBatch = tuple[Key, MicroBatch]


def split_sealed(batch: MicroBatch, shards: int, key: bytes) -> Iterator[KeyedBatch]:
    """Key rows by (subject, shard). Each shard gets only its own messages, so that state holds each message once."""
    parts = list(_split(batch, shards))
    if len(parts) == 1:
        yield from parts
        return
    messages = unseal(batch.sealed, key)
    for shard, part in parts:
        column = part.notes.schema.get_field_index("message")
        own = [messages[index] for index in part.notes.column(column).to_pylist()]
        notes = part.notes.set_column(column, part.notes.schema.field(column), pa.array(range(len(own)), pa.int32()))
        yield shard, replace(part, notes=notes, sealed=seal(own, key))


def _split(batch: MicroBatch, shards: int) -> Iterator[KeyedBatch]:
    """Split by shard: the first 32 bits of the id's hash modulo *shards*."""
    if shards == 1:
        yield (batch.subject, 0), batch
        return
    first = key_rows(batch.notes.column("event_key")).view(np.dtype(">u4"))[:, 0]
    shard_of = first % shards
    for shard in np.unique(shard_of).tolist():
        yield (batch.subject, shard), batch.take(np.flatnonzero(shard_of == shard).tolist())
