"""Rows by shard, each with its own messages: what one (table, shard) decides, no other does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from headrace.beam.state import Key
from headrace.core.micro_batch import MicroBatch, key_rows
from headrace.core.sealed_messages import seal, unseal

Keyed = tuple[Key, MicroBatch]


def split_sealed(batch: MicroBatch, shards: int, key: bytes) -> Iterator[Keyed]:
    """Key rows by (subject, shard), each shard with its own messages: state would hold the others' many times."""
    parts = list(_split(batch, shards))
    if len(parts) == 1:
        yield from parts
        return
    messages = unseal(batch.sealed, key)
    for shard, part in parts:
        place = part.notes.schema.get_field_index("message")
        own = [messages[index] for index in part.notes.column(place).to_pylist()]
        notes = part.notes.set_column(place, part.notes.schema.field(place), pa.array(range(len(own)), pa.int32()))
        yield shard, replace(part, notes=notes, sealed=seal(own, key))


def _split(batch: MicroBatch, shards: int) -> Iterator[Keyed]:
    """A shard is the first 32 bits of the id's hash modulo *shards*."""
    if shards == 1:
        yield (batch.subject, 0), batch
        return
    first = key_rows(batch.notes.column("event_key")).view(np.dtype(">u4"))[:, 0]
    shard_of = first % shards
    for shard in np.unique(shard_of).tolist():
        yield (batch.subject, shard), batch.take(np.flatnonzero(shard_of == shard).tolist())
