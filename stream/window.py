"""Event-time windows as a column, and the bounds a contract sets on event time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.pvalue import TaggedOutput

from schemas.registry import Contract, Registry
from stream.batch import MicroBatch
from stream.deadletter import DEAD_LETTERS, Reason, Refusal, dead_letters
from stream.tallies import TALLIES, Tally, tally_refusals, window_starts

STAGE: Final = "window"
_MICROSECOND = timedelta(microseconds=1)


class WindowedBatch(NamedTuple):
    """The rows within bounds, each with its window, and the refusals by index in the batch that came."""

    batch: MicroBatch | None
    refusals: list[Refusal]


def assign_windows(batch: MicroBatch, contract: Contract, window: timedelta) -> WindowedBatch:
    """Note each row's window; refuse rows that are later or further in the future than the contract allows.

    Event time is measured against publish time, so that a backlog is no reason to refuse anything.
    """
    notes = batch.notes
    ages = pc.subtract(notes.column("published_at"), notes.column("event_time"))
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


class _WindowFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, registry: Registry, window: timedelta, key: bytes) -> None:
        self._registry = registry
        self._window = window
        self._key = key

    def process(self, batch: MicroBatch) -> Iterator[MicroBatch | TaggedOutput]:
        windowed = assign_windows(batch, self._registry.latest(batch.subject), self._window)
        for tally in tally_refusals(batch, windowed.refusals, self._window):
            yield TaggedOutput(TALLIES, tally)
        for letter in dead_letters(batch, windowed.refusals, STAGE, self._key):
            yield TaggedOutput(DEAD_LETTERS, letter)
        if windowed.batch is not None:
            yield windowed.batch


class Windowed(NamedTuple):
    """The three ways out of :class:`AssignWindows`."""

    batches: beam.PCollection
    dead_letters: beam.PCollection
    tallies: beam.PCollection


@dataclass
class AssignWindows(beam.PTransform):  # type: ignore[misc]
    """Give every row its window, never splitting a batch by it; set aside what is too late or in the future."""

    registry: Registry = field(repr=False)
    window: timedelta
    key: bytes = field(repr=False)

    def expand(self, batches: beam.PCollection) -> Windowed:
        """Assign."""
        window_fn = _WindowFn(self.registry, self.window, self.key)
        outputs = batches | "AssignToWindows" >> beam.ParDo(window_fn).with_outputs(
            DEAD_LETTERS, TALLIES, main="batches"
        )
        outputs["batches"].element_type = MicroBatch
        outputs[TALLIES].element_type = Tally
        return Windowed(outputs["batches"], outputs[DEAD_LETTERS], outputs[TALLIES])
