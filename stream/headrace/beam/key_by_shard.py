"""Key rows by table and shard, as a Beam transform, so that the next step decides about each id in one place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from headrace.beam.sharding import KeyedBatch, split_sealed
from headrace.config.secrets import Key
from headrace.core.micro_batch import MicroBatch
from headrace.core.sealed_messages import sealing_key


class _SplitFn(beam.DoFn):
    def __init__(self, shards: int, sealing: Key) -> None:
        self._shards = shards
        self._sealing = sealing

    def setup(self) -> None:
        self._key = sealing_key(self._sealing.read())

    def process(self, batch: MicroBatch) -> Iterator[KeyedBatch]:
        yield from split_sealed(batch, self._shards, self._key)


def key_by_shard(shards: int, sealing: Key) -> beam.PTransform[Any, Any]:
    """Return a transform that splits micro-batches by (subject, shard), and keys the parts by it."""
    split: beam.PTransform[Any, Any] = beam.ParDo(_SplitFn(shards, sealing)).with_output_types(KeyedBatch)
    return split
