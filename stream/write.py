"""Rows of a batch by shard, and what becomes of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from stream.append import TableAppender
from stream.batch import MicroBatch
from stream.deadletter import Refusal
from stream.deduplicate import SeenIds

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


class Fates(NamedTuple):
    """What became of the rows of one batch."""

    written: MicroBatch
    duplicates: MicroBatch
    refusals: list[Refusal]


def write(batch: MicroBatch, seen: SeenIds, appender: TableAppender) -> Fates:
    """Append the rows of *batch* that are new, and say what became of each row."""
    decision = seen.decide(batch)
    refused = appender.append(batch.take(decision.fresh).rows)
    refusals = [Refusal(decision.fresh[r.index], r.reason, r.detail) for r in refused]
    bad = {refusal.index for refusal in refusals}
    written = [index for index in decision.fresh if index not in bad]
    return Fates(batch.take(written), batch.take(decision.duplicates), decision.conflicts + refusals)
