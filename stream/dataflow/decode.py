"""Decode as Beam carries it: the original messages ride along sealed.

Dataflow cannot leave one subject alone, so in a flood the bundle fails, and is tried again until it can be read: what
is not acknowledged stays in Pub/Sub. Each worker process judges what it has seen itself.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from schemas.registry import Registry
from stream.batch import MicroBatch
from stream.dataflow.outputs import BATCHES, DEAD_LETTERS, TALLIES, Outputs, three_ways
from stream.deadletter import unread_letters
from stream.decode import STAGE, DecodedMessages, Decoder, decode, tally_decoded
from stream.flood import FloodError, FloodGuard, describe
from stream.keys import Key
from stream.message import Message
from stream.sealing import seal, sealing_key

# By job and subject, for all threads of the process: a bundle that fails takes its DoFn along.
_GUARDS: Final[dict[tuple[Key, str], FloodGuard]] = {}
_GUARDED: Final = threading.Lock()


class _DecodeFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, registry: Registry, window: timedelta, clock: Callable[[], int], sealing: Key) -> None:
        self._registry = registry
        self._window = window
        self._clock = clock
        self._sealing = sealing

    def setup(self) -> None:
        self._key = sealing_key(self._sealing.read())
        self._decoders: dict[str, Decoder] = {}

    def process(self, messages: Sequence[Message]) -> Iterator[MicroBatch | TaggedOutput]:
        subject = messages[0].subject
        decoder = self._decoders.get(subject)
        if decoder is None:
            decoder = self._decoders[subject] = Decoder(self._registry, subject)
        decoded = decode(messages, decoder, self._clock())
        self._guard(subject, messages, decoded)
        for tally in tally_decoded(messages, decoded, self._window):
            yield TaggedOutput(TALLIES, tally)
        for letter in unread_letters(messages, decoded.refusals, STAGE):
            yield TaggedOutput(DEAD_LETTERS, letter)
        if decoded.batch is not None:
            yield replace(decoded.batch, sealed=seal(messages, self._key))

    def _guard(self, subject: str, messages: Sequence[Message], decoded: DecodedMessages) -> None:
        """Fail the bundle before anything of it goes on, when too much of the subject is refused."""
        refused = Counter(refusal.reason for refusal in decoded.refusals)
        percent = self._registry.latest(subject).options.refuse_at_most
        with _GUARDED:
            guard = _GUARDS.setdefault((self._sealing, subject), FloodGuard(percent))
            held = guard.judge(self._clock(), len(messages), refused)
        if held:
            raise FloodError(
                f"{subject}: {describe(len(messages), refused, percent)}; its messages stay in Pub/Sub: "
                "update the job with contracts that can read them; see docs/dead-letters/flood.md"
            )


@dataclass
class Decode(beam.PTransform):  # type: ignore[misc]
    """Turn lists of messages, each of one subject, into micro-batches; set aside what cannot be read."""

    registry: Registry = field(repr=False)
    window: timedelta
    clock: Callable[[], int]
    sealing: Key

    def expand(self, messages: beam.PCollection) -> Outputs:
        """Decode."""
        decode_fn = _DecodeFn(self.registry, self.window, self.clock, self.sealing)
        outputs = messages | "DecodeMessages" >> beam.ParDo(decode_fn).with_outputs(DEAD_LETTERS, TALLIES, main=BATCHES)
        return three_ways(outputs)
