"""What became of rows of one batch, and how it is counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from headrace.core.dead_letter import Refusal
from headrace.core.micro_batch import MicroBatch
from headrace.core.tally import Outcome, Tally, tally_refusals, tally_rows, tally_written


class Fates(NamedTuple):
    """Rows by index: written, duplicate or refused; those not named are undecided yet."""

    batch: MicroBatch
    written: Sequence[int] = ()
    duplicates: Sequence[int] = ()
    refusals: Sequence[Refusal] = ()


def tally_fates(fates: Fates, window: timedelta) -> Iterator[Tally]:
    """Count what became of rows."""
    if fates.written:
        yield tally_written(fates.batch.take(fates.written), window)
    if fates.duplicates:
        yield tally_rows(fates.batch.take(fates.duplicates), Outcome.DUPLICATE, window)
    yield from tally_refusals(fates.batch, fates.refusals, window)
