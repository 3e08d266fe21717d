"""Rows keyed by table and shard, as Beam carries it; the step and the load that follow decide each id in one place."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam

from headrace.beam.sharding import Keyed, split_sealed
from headrace.config.secrets import Key
from headrace.core.micro_batch import MicroBatch
from headrace.core.sealed_messages import sealing_key


class _SplitFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, shards: int, sealing: Key) -> None:
        self._shards = shards
        self._sealing = sealing

    def setup(self) -> None:
        self._key = sealing_key(self._sealing.read())

    def process(self, batch: MicroBatch) -> Iterator[Keyed]:
        yield from split_sealed(batch, self._shards, self._key)


def key_by_shard(shards: int, sealing: Key) -> beam.PTransform:
    """Give micro-batches, split by (subject, shard), under that key."""
    return beam.ParDo(_SplitFn(shards, sealing)).with_output_types(Keyed)
