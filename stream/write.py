"""Rows of a batch by shard: what one (table, shard) decides, no other does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stream.batch import MicroBatch

STAGE: Final = "write"
Keyed = tuple[tuple[str, int], MicroBatch]


def split_by_shard(batch: MicroBatch, shards: int) -> Iterator[Keyed]:
    """Key the rows of *batch* by (subject, shard); a shard is the hash of the id modulo *shards*."""
    if shards == 1:
        yield (batch.subject, 0), batch
        return
    places: list[list[int]] = [[] for _ in range(shards)]
    for index, key in enumerate(batch.notes.column("event_key").to_pylist()):
        places[int.from_bytes(key[:4], "big") % shards].append(index)
    for shard, indices in enumerate(places):
        if indices:
            yield (batch.subject, shard), batch.take(indices)
