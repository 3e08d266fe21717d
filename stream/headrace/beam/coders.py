"""Coders of values between stages and in state. Their formats are fixed, because a running job must read its data."""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from headrace.beam.packing import pack_batch, unpack_batch
from headrace.core.micro_batch import MicroBatch, from_ipc, to_ipc
from headrace.core.tally import Tally


class MicroBatchCoder(beam.coders.Coder):
    """A micro-batch as bytes: subject, rows, notes (Arrow IPC streams) and sealed messages, each with its length."""

    def encode(self, batch: MicroBatch) -> bytes:
        """Return the four parts as bytes."""
        return pack_batch(batch)

    def decode(self, encoded: bytes) -> MicroBatch:
        """Read the four parts back."""
        return unpack_batch(encoded)

    def is_deterministic(self) -> bool:
        """Return False: equal batches have different bytes, because sealing uses a random nonce."""
        return False

    def to_type_hint(self) -> Any:
        """Return the type that this encodes."""
        return MicroBatch


class TallyCoder(beam.coders.Coder):
    """A tally as an Arrow IPC stream."""

    def encode(self, tally: Tally) -> bytes:
        """Return the counts as bytes."""
        return to_ipc(tally.counts)

    def decode(self, encoded: bytes) -> Tally:
        """Read the counts back."""
        return Tally(from_ipc(encoded))

    def is_deterministic(self) -> bool:
        """Return False: equal tallies may have their counts in another order."""
        return False

    def to_type_hint(self) -> Any:
        """Return the type that this encodes."""
        return Tally


beam.coders.registry.register_coder(MicroBatch, MicroBatchCoder)
beam.coders.registry.register_coder(Tally, TallyCoder)
