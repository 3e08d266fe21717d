"""The outcomes of one batch's rows, and their tallies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from headrace.core.dead_letter import Refusal
from headrace.core.micro_batch import MicroBatch
from headrace.core.outcome import Outcome
from headrace.core.tally import Tally, tally_refusals, tally_rows, tally_written


class RowOutcomes(NamedTuple):
    """The indexes of rows that are written, duplicate or refused. A row that is not listed has no outcome yet."""

    batch: MicroBatch
    written: Sequence[int] = ()
    duplicates: Sequence[int] = ()
    refusals: Sequence[Refusal] = ()


def tally_outcomes(outcomes: RowOutcomes, window: timedelta) -> Iterator[Tally]:
    """Count rows by outcome."""
    if outcomes.written:
        yield tally_written(outcomes.batch.take(outcomes.written), window)
    if outcomes.duplicates:
        yield tally_rows(outcomes.batch.take(outcomes.duplicates), Outcome.DUPLICATE, window)
    yield from tally_refusals(outcomes.batch, outcomes.refusals, window)
