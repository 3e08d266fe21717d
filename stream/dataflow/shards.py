"""Rows by shard, each with its own messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from stream.batch import MicroBatch
from stream.sealing import seal, unseal
from stream.write import Keyed, split_by_shard


def split_sealed(batch: MicroBatch, shards: int, key: bytes) -> Iterator[Keyed]:
    """Key rows by (subject, shard), each shard with its own messages: state would hold the others' many times."""
    parts = list(split_by_shard(batch, shards))
    if len(parts) == 1:
        yield from parts
        return
    messages = unseal(batch.sealed, key)
    for shard, part in parts:
        place = part.notes.schema.get_field_index("message")
        own = [messages[index] for index in part.notes.column(place).to_pylist()]
        notes = part.notes.set_column(place, part.notes.schema.field(place), pa.array(range(len(own)), pa.int32()))
        yield shard, replace(part, notes=notes, sealed=seal(own, key))
