"""Decode as a Beam transform. Each batch carries its original messages, sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from headrace.beam.circuit_breaker_dofn import BundleCircuitBreaker
from headrace.beam.outputs import BATCHES, DEAD_LETTERS, TALLIES, Outputs, split_outputs
from headrace.config.secrets import Key
from headrace.core.dead_letter import dead_letters_of_messages
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.core.routes import Routes
from headrace.core.sealed_messages import seal, sealing_key
from headrace.schemas.registry import Registry
from headrace.steps.decode.decode_messages import (
    STAGE,
    DecodedMessages,
    Decoder,
    MakeDecoder,
    decode_all,
    refuse_blocked,
    tally_decoded,
)
from headrace.steps.decode.strays import refuse_strays

_REMEDY: Final = "update the job with contracts that can read them"


class _DecodeFn(beam.DoFn):
    def __init__(
        self,
        registry: Registry,
        routes: Routes,
        *,
        window: timedelta,
        clock: Callable[[], int],
        sealing: Key,
        decoder: MakeDecoder,
    ) -> None:
        self._decoder = decoder
        self._routes = routes
        self._registry = registry
        self._window = window
        self._clock = clock
        self._sealing = sealing
        self._circuit = BundleCircuitBreaker(registry, sealing, STAGE, _REMEDY)

    def setup(self) -> None:
        self._key = sealing_key(self._sealing.read())
        self._decoders: dict[str, Decoder] = {}

    def process(self, messages: Sequence[Message]) -> Iterator[MicroBatch | TaggedOutput[Any, Any]]:
        for part, decoded in self._decode(messages[0].subject, messages):
            for tally in tally_decoded(part, decoded, self._window):
                yield TaggedOutput(TALLIES, tally)
            for dead_letter in dead_letters_of_messages(part, decoded.refusals, STAGE):
                yield TaggedOutput(DEAD_LETTERS, dead_letter)
            if decoded.batch is not None:
                yield replace(decoded.batch, sealed=seal(part, self._key))

    def _decode(self, subject: str, messages: Sequence[Message]) -> Iterator[tuple[Sequence[Message], DecodedMessages]]:
        if (route := self._routes.route(subject)) is not None:
            yield messages, refuse_strays(messages, route)
            return
        if subject in self._registry.blocked:
            yield messages, refuse_blocked(messages, self._registry.blocked[subject])
            return
        decoder = self._decoders.get(subject)
        if decoder is None:
            decoder = self._decoders[subject] = self._decoder(self._registry, subject)
        for part, decoded in decode_all(messages, decoder, self._clock()):
            self._circuit.check(subject, self._clock(), len(part), decoded.refusals)
            yield part, decoded


@dataclass
class Decode(beam.PTransform[Any, Any]):
    """A transform of lists of messages, each of one subject, into micro-batches; unreadable ones are dead letters."""

    registry: Registry = field(repr=False)
    window: timedelta
    clock: Callable[[], int]
    sealing: Key
    decoder: MakeDecoder = Decoder
    routes: Routes = field(default_factory=Routes)

    def expand(self, messages: beam.PCollection[Any]) -> Outputs:
        """Decode."""
        decode_fn = _DecodeFn(
            self.registry,
            self.routes,
            window=self.window,
            clock=self.clock,
            sealing=self.sealing,
            decoder=self.decoder,
        )
        outputs = messages | "DecodeMessages" >> beam.ParDo(decode_fn).with_outputs(DEAD_LETTERS, TALLIES, main=BATCHES)
        return split_outputs(outputs)
