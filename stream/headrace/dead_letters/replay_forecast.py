"""Forecast a replay: check a letter with the job's own decoding, time bounds and expressions, without sending it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.micro_batch import MicroBatch
from headrace.core.routes import Routes, is_subject, short_name
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.outgoing import unsendable_reason
from headrace.dead_letters.routed_letter import LetterRouter
from headrace.dead_letters.transform_forecast import TransformForecast
from headrace.schemas.registry import Registry
from headrace.steps.decode.decode_messages import Decoder, decode_all
from headrace.steps.decode.openers import opener_of
from headrace.steps.decode.schema_versions import AskFor, ask_nobody
from headrace.steps.window import assign_windows

_ANY_WINDOW: Final = timedelta(days=1)  # the time bounds do not depend on the window
_TRANSFORMED: Final = {
    Reason.TRANSFORM_FAILED: "only sending it shows whether the transformation accepts it",
    Reason.RULE_BROKEN: "only sending it shows whether its row keeps the rules",
}
_UNKNOWN: Final = {
    Reason.ID_CONFLICT: "only sending it shows whether its id is still taken",
    Reason.REFUSED_BY_BIGQUERY: "only sending it shows whether BigQuery accepts it",
    Reason.ROW_TOO_LARGE: "only sending it shows whether its row is small enough",
}


class Forecast(StrEnum):
    """The expected outcome of a replay."""

    PASSES = "passes"
    FAILS = "fails"
    UNKNOWN = "unknown"
    UNSENDABLE = "unsendable"


@dataclass(frozen=True, slots=True)
class LetterForecast:
    """A letter and its forecast; *reason* and *why* explain it, and are empty if the letter passes."""

    letter: Letter = field(repr=False)
    forecast: Forecast
    reason: str = ""
    why: str = ""


class Forecaster:
    """A forecaster with the contracts of a registry. It compiles the decoder of each subject once.

    *routes* give a subject to letters of messages that belonged to none. *ask_for* returns the registry's ids of a
    subject.
    """

    def __init__(self, registry: Registry, routes: Routes | None = None, ask_for: AskFor = ask_nobody) -> None:
        self._registry = registry
        self._ask_for = ask_for
        self._router = LetterRouter(routes or Routes(), registry)
        self._decoders: dict[str, Decoder] = {}
        self._transforms: dict[str, TransformForecast | None] = {}

    def forecast(self, letters: Sequence[Letter]) -> list[LetterForecast]:
        """Return the forecast of each letter, in the order of *letters*."""
        letters = [self.routed(each) for each in letters]
        found: dict[int, LetterForecast] = {}
        by_subject: dict[str, list[int]] = {}
        for index, letter in enumerate(letters):
            why = self._unsendable(letter)
            if why:
                found[index] = LetterForecast(letter, Forecast.UNSENDABLE, letter.reason, why)
            else:
                by_subject.setdefault(letter.subject, []).append(index)
        for subject, indexes in by_subject.items():
            of_subject = [letters[index] for index in indexes]
            refused = {each.index: each for each in self._refusals(subject, of_subject)}
            unknown = _UNKNOWN if self._transforms[subject] else _TRANSFORMED | _UNKNOWN
            for place, index in enumerate(indexes):
                found[index] = _forecast(letters[index], refused.get(place), unknown)
        return [found[index] for index in range(len(letters))]

    def routed(self, letter: Letter) -> Letter:
        """Return *letter* with the subject that its message has now."""
        return self._router.routed(letter)

    def _unsendable(self, letter: Letter) -> str:
        if letter.subject in self._registry.blocked:
            return f"the subject is blocked: {self._registry.blocked[letter.subject]}"
        if not is_subject(letter.subject):
            name = short_name(letter.subject)
            return f"no subject: name one for it in `subjects` of {name} in the settings, or discard it"
        if letter.subject not in self._registry.subjects:
            return "unknown subject: add a contract and run `headrace provision`, or discard the letter"
        return unsendable_reason(letter)

    def _refusals(self, subject: str, letters: Sequence[Letter]) -> list[Refusal]:
        """Return the refusals of the job, by index in *letters*."""
        decoder = self._decoders.get(subject)
        if decoder is None:
            opener = opener_of(self._registry, subject, self._ask_for(subject))
            decoder = self._decoders[subject] = Decoder(self._registry, subject, opener)
            self._transforms[subject] = TransformForecast.of(decoder.contract)
        transform = self._transforms[subject]
        messages = [letter.as_message() for letter in letters]
        refusals: list[Refusal] = []
        done = 0
        for part, decoded in decode_all(messages, decoder, 0):
            found = decoded.refusals
            if decoded.batch is not None:
                windowed = assign_windows(decoded.batch, decoder.contract, _ANY_WINDOW)
                found = [*found, *_by_message(decoded.batch, windowed.refusals)]
                if windowed.batch is not None and transform is not None:
                    found += _by_message(windowed.batch, transform.refusals(windowed.batch))
            refusals += [replace(each, index=done + each.index) for each in found]
            done += len(part)
        return refusals


def _forecast(letter: Letter, refusal: Refusal | None, unknown: Mapping[Reason, str]) -> LetterForecast:
    if refusal is not None:
        return LetterForecast(letter, Forecast.FAILS, refusal.reason, refusal.detail)
    for reason, why in unknown.items():
        if letter.reason == reason:
            return LetterForecast(letter, Forecast.UNKNOWN, reason, why)
    return LetterForecast(letter, Forecast.PASSES)


def _by_message(batch: MicroBatch, refusals: Sequence[Refusal]) -> list[Refusal]:
    places = batch.notes.column("message")
    return [Refusal(places[each.index].as_py(), each.reason, each.detail) for each in refusals]
