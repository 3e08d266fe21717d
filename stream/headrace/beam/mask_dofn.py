"""Mask as a Beam transform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import apache_beam as beam

from headrace.config.secrets import Key
from headrace.core.micro_batch import MicroBatch
from headrace.schemas.registry import Registry
from headrace.steps.mask.mask_columns import Masker
from headrace.steps.mask.tokens import TokenKey


class _MaskFn(beam.DoFn):
    def __init__(self, registry: Registry, key: Key, version: str) -> None:
        self._registry = registry
        self._key = key
        self._version = version

    def setup(self) -> None:
        self._token_key = TokenKey(self._key.read(), self._version)
        self._maskers: dict[str, Masker] = {}

    def process(self, batch: MicroBatch) -> Iterator[MicroBatch]:
        masker = self._maskers.get(batch.subject)
        if masker is None:
            masker = self._maskers[batch.subject] = Masker(self._registry.latest(batch.subject), self._token_key)
        yield replace(batch, rows=masker.mask(batch.rows))


@dataclass
class MaskPersonalData(beam.PTransform[Any, Any]):
    """A transform that masks personal data in the stage of Decode, so that no unmasked value crosses a shuffle."""

    registry: Registry = field(repr=False)
    key: Key
    version: str

    def expand(self, batches: beam.PCollection[Any]) -> Any:
        """Mask."""
        return batches | "MaskColumns" >> beam.ParDo(_MaskFn(self.registry, self.key, self.version)).with_output_types(
            MicroBatch
        )
