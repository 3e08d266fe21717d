"""How values look between stages and in state: pinned, since a running job's data must stay readable."""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from headrace.beam.packing import pack_batch, unpack_batch
from headrace.core.micro_batch import MicroBatch, from_ipc, to_ipc
from headrace.core.tally import Tally


class MicroBatchCoder(beam.coders.Coder):  # type: ignore[misc]
    """A micro-batch as bytes: subject, rows, notes (Arrow IPC streams) and sealed messages, each with its length."""

    def encode(self, batch: MicroBatch) -> bytes:
        """Write the four parts."""
        return pack_batch(batch)

    def decode(self, encoded: bytes) -> MicroBatch:
        """Read the four parts back."""
        return unpack_batch(encoded)

    def is_deterministic(self) -> bool:
        """Sealing draws a nonce, so equal batches differ in bytes."""
        return False

    def to_type_hint(self) -> Any:
        """What this codes."""
        return MicroBatch


class TallyCoder(beam.coders.Coder):  # type: ignore[misc]
    """A tally as an Arrow IPC stream."""

    def encode(self, tally: Tally) -> bytes:
        """Write the counts."""
        return to_ipc(tally.counts)

    def decode(self, encoded: bytes) -> Tally:
        """Read the counts back."""
        return Tally(from_ipc(encoded))

    def is_deterministic(self) -> bool:
        """Nothing promises the order of counts."""
        return False

    def to_type_hint(self) -> Any:
        """What this codes."""
        return Tally


beam.coders.registry.register_coder(MicroBatch, MicroBatchCoder)
beam.coders.registry.register_coder(Tally, TallyCoder)
