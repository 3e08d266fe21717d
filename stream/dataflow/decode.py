"""Decode as Beam carries it: the original messages ride along sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from schemas.registry import Registry
from stream.batch import MicroBatch
from stream.dataflow.outputs import DEAD_LETTERS, TALLIES
from stream.deadletter import unread_letters
from stream.decode import STAGE, Decoder, decode, tally_decoded
from stream.message import Message
from stream.sealing import seal
from stream.tallies import Tally


class _DecodeFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, registry: Registry, window: timedelta, clock: Callable[[], int], key: bytes) -> None:
        self._registry = registry
        self._window = window
        self._clock = clock
        self._key = key

    def setup(self) -> None:
        self._decoders: dict[str, Decoder] = {}

    def process(self, messages: Sequence[Message]) -> Iterator[MicroBatch | TaggedOutput]:
        subject = messages[0].subject
        decoder = self._decoders.get(subject)
        if decoder is None:
            decoder = self._decoders[subject] = Decoder(self._registry, subject)
        decoded = decode(messages, decoder, self._clock())
        for tally in tally_decoded(messages, decoded, self._window):
            yield TaggedOutput(TALLIES, tally)
        for letter in unread_letters(messages, decoded.refusals, STAGE):
            yield TaggedOutput(DEAD_LETTERS, letter)
        if decoded.batch is not None:
            yield replace(decoded.batch, sealed=seal(messages, self._key))


class Decoded(NamedTuple):
    """The three ways out of :class:`Decode`."""

    batches: beam.PCollection
    dead_letters: beam.PCollection
    tallies: beam.PCollection


@dataclass
class Decode(beam.PTransform):  # type: ignore[misc]
    """Turn lists of messages, each of one subject, into micro-batches; set aside what cannot be read."""

    registry: Registry = field(repr=False)
    window: timedelta
    clock: Callable[[], int]
    key: bytes = field(repr=False)

    def expand(self, messages: beam.PCollection) -> Decoded:
        """Decode."""
        decode_fn = _DecodeFn(self.registry, self.window, self.clock, self.key)
        outputs = messages | "DecodeMessages" >> beam.ParDo(decode_fn).with_outputs(
            DEAD_LETTERS, TALLIES, main="batches"
        )
        outputs["batches"].element_type = MicroBatch
        outputs[TALLIES].element_type = Tally
        return Decoded(outputs["batches"], outputs[DEAD_LETTERS], outputs[TALLIES])
