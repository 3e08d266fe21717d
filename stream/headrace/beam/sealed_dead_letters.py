"""Dead letters of rows whose messages ride along sealed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headrace.core.dead_letter import DeadLetter, Refusal, dead_letters
from headrace.core.micro_batch import MicroBatch
from headrace.core.sealed_messages import unseal


def sealed_letters(batch: MicroBatch, refusals: Sequence[Refusal], stage: str, key: bytes) -> Iterator[DeadLetter]:
    """Open the sealed messages of *batch*, if any row is refused, and make a dead letter of each that is."""
    if refusals:
        yield from dead_letters(unseal(batch.sealed, key), batch, refusals, stage)
