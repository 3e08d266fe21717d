"""Window as a Beam transform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from headrace.beam.outputs import BATCHES, DEAD_LETTERS, TALLIES, Outputs, split_outputs
from headrace.beam.sealed_dead_letters import unseal_dead_letters
from headrace.config.secrets import Key
from headrace.core.micro_batch import MicroBatch
from headrace.core.sealed_messages import sealing_key
from headrace.core.tally import tally_refusals
from headrace.schemas.registry import Registry
from headrace.steps.window import STAGE, assign_windows


class _WindowFn(beam.DoFn):
    def __init__(self, registry: Registry, window: timedelta, sealing: Key) -> None:
        self._registry = registry
        self._window = window
        self._sealing = sealing

    def setup(self) -> None:
        self._key = sealing_key(self._sealing.read())

    def process(self, batch: MicroBatch) -> Iterator[MicroBatch | TaggedOutput[Any, Any]]:
        windowed = assign_windows(batch, self._registry.latest(batch.subject), self._window)
        for tally in tally_refusals(batch, windowed.refusals, self._window):
            yield TaggedOutput(TALLIES, tally)
        for dead_letter in unseal_dead_letters(batch, windowed.refusals, STAGE, self._key):
            yield TaggedOutput(DEAD_LETTERS, dead_letter)
        if windowed.batch is not None:
            yield windowed.batch


@dataclass
class AssignWindows(beam.PTransform[Any, Any]):
    """A transform that adds each row's window without splitting the batch.

    Rows that are too late or in the future become dead letters.
    """

    registry: Registry = field(repr=False)
    window: timedelta
    sealing: Key

    def expand(self, batches: beam.PCollection[Any]) -> Outputs:
        """Assign."""
        window_fn = _WindowFn(self.registry, self.window, self.sealing)
        outputs = batches | "AssignToWindows" >> beam.ParDo(window_fn).with_outputs(DEAD_LETTERS, TALLIES, main=BATCHES)
        return split_outputs(outputs)
