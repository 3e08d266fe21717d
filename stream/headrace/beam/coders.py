"""Coders of values between stages and in state: pinned, because a running job must be able to read its data."""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from headrace.beam.packing import pack_batch, unpack_batch
from headrace.core.micro_batch import MicroBatch, from_ipc, to_ipc
from headrace.core.tally import Tally


class MicroBatchCoder(beam.coders.Coder):
    """A micro-batch as bytes: subject, rows, notes (Arrow IPC streams) and sealed messages, each with its length."""

    def encode(self, batch: MicroBatch) -> bytes:
        """Write the four parts."""
        return pack_batch(batch)

    def decode(self, encoded: bytes) -> MicroBatch:
        """Read the four parts back."""
        return unpack_batch(encoded)

    def is_deterministic(self) -> bool:
        """Equal batches differ in bytes, because sealing draws a nonce."""
        return False

    def to_type_hint(self) -> Any:
        """Return the type that this encodes."""
        return MicroBatch


class TallyCoder(beam.coders.Coder):
    """A tally as an Arrow IPC stream."""

    def encode(self, tally: Tally) -> bytes:
        """Write the counts."""
        return to_ipc(tally.counts)

    def decode(self, encoded: bytes) -> Tally:
        """Read the counts back."""
        return Tally(from_ipc(encoded))

    def is_deterministic(self) -> bool:
        """Equal tallies may differ in the order of their counts."""
        return False

    def to_type_hint(self) -> Any:
        """Return the type that this encodes."""
        return Tally


beam.coders.registry.register_coder(MicroBatch, MicroBatchCoder)
beam.coders.registry.register_coder(Tally, TallyCoder)
