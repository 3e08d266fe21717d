"""Dead letters of refused rows, made from the sealed messages of their batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headrace.core.dead_letter import DeadLetter, Refusal, dead_letters
from headrace.core.micro_batch import MicroBatch
from headrace.core.sealed_messages import unseal


def unseal_dead_letters(batch: MicroBatch, refusals: Sequence[Refusal], stage: str, key: bytes) -> Iterator[DeadLetter]:
    """Yield a dead letter for each refused row; unseal the messages of *batch* only if a row is refused."""
    if refusals:
        yield from dead_letters(unseal(batch.sealed, key), batch, refusals, stage)
