"""Would a letter pass today: the job's own decoding and bounds, run on it as it would be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.outgoing import attributes_to_send, misfit
from headrace.schemas.registry import Registry
from headrace.steps.decode.decode_messages import Decoder, decode_all
from headrace.steps.window import assign_windows

_ANY_WINDOW: Final = timedelta(days=1)  # bounds do not depend on it
_SENDING_TELLS: Final = {
    Reason.TRANSFORM_FAILED: "whether the transformation takes it now is known when it is sent",
    Reason.ID_CONFLICT: "whether its id is still taken is known when it is sent",
    Reason.REFUSED_BY_BIGQUERY: "whether BigQuery takes it now is known when it is sent",
    Reason.ROW_TOO_LARGE: "whether its row is small enough now is known when it is sent",
}


class Prospect(StrEnum):
    """What can be said of a letter before it is sent."""

    PASSES = "passes"
    FAILS = "fails"
    UNKNOWN = "unknown"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Judged:
    """A letter and its prospect; *reason* and *why* are today's, and empty when it passes."""

    letter: Letter = field(repr=False)
    prospect: Prospect
    reason: str = ""
    why: str = ""


class Judge:
    """Judges letters by the contracts at hand; compiles each subject's once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._decoders: dict[str, Decoder] = {}

    def judge(self, letters: Sequence[Letter]) -> list[Judged]:
        """Give the prospect of each letter, in the order in which they come."""
        found: dict[int, Judged] = {}
        by_subject: dict[str, list[int]] = {}
        for index, letter in enumerate(letters):
            why = self._stuck(letter)
            if why:
                found[index] = Judged(letter, Prospect.STUCK, letter.reason, why)
            else:
                by_subject.setdefault(letter.subject, []).append(index)
        for subject, indexes in by_subject.items():
            of_it = [letters[index] for index in indexes]
            refused = {each.index: each for each in self._refusals(subject, of_it)}
            for place, index in enumerate(indexes):
                found[index] = _judged(letters[index], refused.get(place))
        return [found[index] for index in range(len(letters))]

    def _stuck(self, letter: Letter) -> str:
        if letter.subject in self._registry.blocked:
            return f"its subject is blocked: {self._registry.blocked[letter.subject]}"
        if letter.subject not in self._registry.subjects:
            return "no contract for its subject: add one and provision, or discard it"
        return misfit(letter)

    def _refusals(self, subject: str, letters: Sequence[Letter]) -> list[Refusal]:
        """What the job would refuse, by index in *letters*."""
        decoder = self._decoders.get(subject)
        if decoder is None:
            decoder = self._decoders[subject] = Decoder(self._registry, subject)
        messages = [_as_message(letter) for letter in letters]
        refusals: list[Refusal] = []
        done = 0
        for part, decoded in decode_all(messages, decoder, 0):
            found = decoded.refusals
            if decoded.batch is not None:
                windowed = assign_windows(decoded.batch, decoder.contract, _ANY_WINDOW)
                found = [*found, *_by_message(decoded.batch, windowed.refusals)]
            refusals += [replace(each, index=done + each.index) for each in found]
            done += len(part)
        return refusals


def _judged(letter: Letter, refusal: Refusal | None) -> Judged:
    if refusal is not None:
        return Judged(letter, Prospect.FAILS, refusal.reason, refusal.detail)
    for reason, why in _SENDING_TELLS.items():
        if letter.reason == reason:
            return Judged(letter, Prospect.UNKNOWN, reason, why)
    return Judged(letter, Prospect.PASSES)


def _by_message(batch: MicroBatch, refusals: Sequence[Refusal]) -> list[Refusal]:
    places = batch.notes.column("message")
    return [Refusal(places[each.index].as_py(), each.reason, each.detail) for each in refusals]


def _as_message(letter: Letter) -> Message:
    first_published = letter.replay.first_published
    return Message(letter.subject, letter.data, attributes_to_send(letter), letter.message_id, first_published)
