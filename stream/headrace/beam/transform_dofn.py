"""Transform as a Beam transform. Only jobs whose contracts transform rows have it in their graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from headrace.beam.circuit_breaker_dofn import BundleCircuitBreaker
from headrace.beam.outputs import BATCHES, DEAD_LETTERS, TALLIES, Outputs, split_outputs
from headrace.beam.sealed_dead_letters import unseal_dead_letters
from headrace.config.secrets import Key
from headrace.core.micro_batch import MicroBatch
from headrace.core.outcome import Outcome
from headrace.core.sealed_messages import sealing_key
from headrace.core.tally import tally_refusals, tally_rows
from headrace.runtime.rule_warning_log import RuleWarningLog
from headrace.schemas.registry import Registry
from headrace.steps.transform import STAGE, Transformer

_REMEDY = "update the job with a function or expression that can take them"


class _TransformFn(beam.DoFn):
    def __init__(self, registry: Registry, window: timedelta, clock: Callable[[], int], sealing: Key) -> None:
        self._registry = registry
        self._window = window
        self._clock = clock
        self._sealing = sealing
        self._circuit = BundleCircuitBreaker(registry, sealing, STAGE, _REMEDY)

    def setup(self) -> None:
        self._key = sealing_key(self._sealing.read())
        self._transformers: dict[str, Transformer | None] = {}
        self._warnings = RuleWarningLog()

    def process(self, batch: MicroBatch) -> Iterator[MicroBatch | TaggedOutput[Any, Any]]:
        subject = batch.subject
        if subject not in self._transformers:
            self._transformers[subject] = Transformer.of(self._registry.latest(subject))
        transformer = self._transformers[subject]
        if transformer is None:
            yield batch
            return
        transformed = transformer.transform(batch)
        self._circuit.check(subject, self._clock(), len(batch), transformed.refusals)
        for tally in tally_refusals(batch, transformed.refusals, self._window):
            yield TaggedOutput(TALLIES, tally)
        for dead_letter in unseal_dead_letters(batch, transformed.refusals, STAGE, self._key):
            yield TaggedOutput(DEAD_LETTERS, dead_letter)
        self._warn(subject, transformed.warnings)
        if transformed.dropped is not None:
            yield TaggedOutput(TALLIES, tally_rows(transformed.dropped, Outcome.DROPPED, self._window))
        if transformed.batch is not None:
            yield transformed.batch

    def _warn(self, subject: str, warnings: Mapping[str, int]) -> None:
        for rule, events in warnings.items():
            Metrics.counter("headrace", f"rule_warnings/{subject}/{rule}").inc(events)
        self._warnings.note(subject, warnings)


@dataclass
class TransformRows(beam.PTransform[Any, Any]):
    """A transform that filters rows, fills derived columns and checks rules, in the stage of Mask.

    Failures and broken rules become dead letters; dropped rows and warnings are counted.
    """

    registry: Registry = field(repr=False)
    window: timedelta
    clock: Callable[[], int]
    sealing: Key

    def expand(self, batches: beam.PCollection[Any]) -> Outputs:
        """Transform."""
        transform_fn = _TransformFn(self.registry, self.window, self.clock, self.sealing)
        outputs = batches | "TransformColumns" >> beam.ParDo(transform_fn).with_outputs(
            DEAD_LETTERS, TALLIES, main=BATCHES
        )
        return split_outputs(outputs)
