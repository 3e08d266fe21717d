"""Rows of a batch by what is done with them: written, duplicates, refused, or decided again after the others."""

from __future__ import annotations

from typing import NamedTuple

from headrace.core.dead_letter import Refusal
from headrace.core.micro_batch import MicroBatch
from headrace.steps.append import within_requests
from headrace.steps.deduplicate import Decision


class DecidedRows(NamedTuple):
    """The new rows in *parts* of one request each, and the other rows by index in the batch.

    A row that conflicts with another one of the same batch is *waiting* until that one is written. If it became a dead
    letter before, and both messages came again in another order, it would be written too.
    """

    parts: list[MicroBatch]
    duplicates: list[int]
    refusals: list[Refusal]
    waiting: list[int]


def decided_rows(batch: MicroBatch, decision: Decision) -> DecidedRows:
    """Return the rows of *batch* by what *decision* means for them."""
    waiting = set(decision.same_batch_conflicts)
    parts, too_large = within_requests(batch, decision.new)
    refusals = [*(each for each in decision.conflicts if each.index not in waiting), *too_large]
    return DecidedRows(parts, decision.duplicates, refusals, sorted(waiting))
