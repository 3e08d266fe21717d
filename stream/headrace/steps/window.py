"""Window step: event-time windows as a column, and a contract's bounds of event time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.micro_batch import MicroBatch
from headrace.core.tally import window_starts
from headrace.schemas.registry import Contract

STAGE: Final = "window"
_MICROSECOND = timedelta(microseconds=1)


class WindowedBatch(NamedTuple):
    """Rows within the bounds, each with its window, and refusals by index in the original batch."""

    batch: MicroBatch | None
    refusals: list[Refusal]


def assign_windows(batch: MicroBatch, contract: Contract, window: timedelta) -> WindowedBatch:
    """Add each row's window; refuse rows that are later or further in the future than the contract allows.

    Event time is compared with the first publish time. So a backlog or a replay does not cause refusals.
    """
    notes = batch.notes
    ages = pc.subtract(notes.column("first_published_at"), notes.column("event_time"))
    late = pc.greater(ages, contract.options.late_after // _MICROSECOND)
    early = pc.less(ages, -(contract.options.ahead_at_most // _MICROSECOND))
    place = notes.schema.get_field_index("window_start")
    notes = notes.set_column(place, "window_start", window_starts(notes.column("event_time"), window))
    batch = replace(batch, notes=notes)
    refusals = _refusals(late, Reason.TOO_LATE, "the event is older than late_after allows")
    refusals += _refusals(early, Reason.IN_THE_FUTURE, "the event is further ahead than ahead_at_most allows")
    if not refusals:
        return WindowedBatch(batch, [])
    kept = pc.indices_nonzero(pc.invert(pc.or_(late, early)))
    return WindowedBatch(batch.take(kept.to_pylist()) if len(kept) else None, refusals)


def _refusals(mask: pa.Array, reason: Reason, detail: str) -> list[Refusal]:
    return [Refusal(index, reason, detail) for index in pc.indices_nonzero(mask).to_pylist()]
