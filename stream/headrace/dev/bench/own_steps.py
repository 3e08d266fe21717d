"""Headrace's own steps, called as the engine calls them: a micro-batch of one subject from messages to bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headrace.bigquery.write_streams import Rows
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.runtime.clock import now_micros
from headrace.schemas.registry import Registry
from headrace.steps.decode.decode_messages import Decoder, decode
from headrace.steps.deduplicate import SeenIds
from headrace.steps.mask.mask_columns import Masker
from headrace.steps.mask.tokens import TokenKey


class Ours:
    """One subject's messages to what AppendRows takes; each step takes what the one before gave."""

    def __init__(self, registry: Registry, subject: str, key: bytes) -> None:
        self._decoder = Decoder(registry, subject)
        self._masker = Masker(registry.latest(subject), TokenKey(key))
        self._seen = SeenIds()

    def decode(self, messages: Sequence[Message]) -> MicroBatch:
        """Envelopes checked, payloads read strictly into columns, ids and contents hashed."""
        decoded = decode(messages, self._decoder, now_micros())
        if decoded.batch is None or decoded.refusals:
            raise ValueError(f"{len(decoded.refusals)} of {len(messages)} messages were refused: they are all valid")
        return decoded.batch

    def mask(self, batch: MicroBatch) -> MicroBatch:
        """Personal columns masked."""
        return replace(batch, rows=self._masker.mask(batch.rows))

    def dedupe(self, batch: MicroBatch) -> MicroBatch:
        """Rows whose id is new, and remembered."""
        new = batch.take(self._seen.decide(batch).fresh)
        self._seen.remember(new)
        return new

    def row(self, batch: MicroBatch) -> Rows:
        """The bytes that are committed and appended."""
        return Rows.of(batch.rows)
