"""Headrace's own steps, called as the engine calls them: from the messages of one subject to the bytes of an append."""

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
    """Converter of one subject's messages into an AppendRows request; each step takes the result of the one before."""

    def __init__(self, registry: Registry, subject: str, key: bytes) -> None:
        self._decoder = Decoder(registry, subject)
        self._masker = Masker(registry.latest(subject), TokenKey(key))
        self._seen = SeenIds()

    def decode(self, messages: Sequence[Message]) -> MicroBatch:
        """Check envelopes, read payloads strictly into columns, and hash ids and contents."""
        decoded = decode(messages, self._decoder, now_micros())
        if decoded.batch is None or decoded.refusals:
            raise ValueError(f"{len(decoded.refusals)} of {len(messages)} messages were refused: they are all valid")
        return decoded.batch

    def mask(self, batch: MicroBatch) -> MicroBatch:
        """Mask personal columns."""
        return replace(batch, rows=self._masker.mask(batch.rows))

    def dedupe(self, batch: MicroBatch) -> MicroBatch:
        """Return the rows with new ids, and remember the ids."""
        new = batch.take(self._seen.decide(batch).new)
        self._seen.remember(new)
        return new

    def row(self, batch: MicroBatch) -> Rows:
        """Return the bytes to commit and append."""
        return Rows.of(batch.rows)
