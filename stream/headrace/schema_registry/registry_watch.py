"""The watch over a registry: whether it answers, and whether each pinned id still names the schema of its pin."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

import structlog

from headrace.schema_registry.pin_file import PinKey, SubjectPins
from headrace.schema_registry.pins import Pins
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import (
    NotInRegistryError,
    PinBrokenError,
    PinFileError,
    RegistryAwayError,
    RegistryError,
    UnusableSchemaError,
)

LOOK_SECONDS: Final = 30.0
MISSING_SECONDS: Final = 5.0  # between looks while the registry lacks a pinned id, which it may give to another schema
AWAY_SECONDS: Final = 2.0  # between looks while it does not answer
_POLL_SECONDS: Final = 0.5
_NOT_AVRO: Final = "not a schema that Avro reads"
_NAMED: Final = 5  # ids in a message
_Problem: TypeAlias = RegistryError | PinFileError
Listener: TypeAlias = Callable[[str | None], None]  # called with why the pins are broken, or None
_LOG = structlog.get_logger("headrace")


class RegistryWatch:
    """Looks at a registry at the start, every LOOK_SECONDS, and as soon as it answers again.

    Any thread may ask it; one thread runs it.
    """

    def __init__(
        self,
        client: RegistryClient,
        pins: Pins,
        subjects: Iterable[str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._pins = pins
        self._subjects = tuple(subjects)
        self._now = now
        self._problem: _Problem | None = RegistryAwayError(f"{client.url}: has not been asked yet; wait a moment")
        self._has_looked = False
        self._lacks_ids = False
        self._listeners: dict[str, Listener] = {}

    @property
    def problem(self) -> _Problem | None:
        """A new error like that of the last request, if it failed."""
        return _fresh(self._problem) if self._problem else None

    @property
    def has_looked(self) -> bool:
        """Whether it has looked at least once: then pins count even if the registry does not answer."""
        return self._has_looked

    def listen(self, subject: str, listener: Listener) -> None:
        """Call *listener* after each look, in place of an earlier one of the subject."""
        self._listeners[subject] = listener

    def check(self, subject: str) -> None:
        """Raise PinBrokenError if a pinned id of the subject names another schema."""
        broken = self._pins.of(subject).broken
        if broken is not None:
            raise PinBrokenError(broken)

    def check_answers(self) -> None:
        """Raise the error of the registry if it did not answer, until a look has found all pins right again."""
        problem = self.problem
        if problem is not None:
            raise problem

    def note(self, error: RegistryError) -> None:
        """Record that a request of somebody else failed. The next look comes soon."""
        self._problem = _fresh(error)

    def run(self, stop: threading.Event) -> None:
        """Look again and again until *stop* is set."""
        while not stop.is_set():
            begun = self._now()
            self.look()
            while not stop.wait(_POLL_SECONDS) and not self._is_due(begun):
                pass

    def look(self) -> None:
        """Compare the registry's answer for each pinned id with its pin."""
        before = self._problem
        try:
            self._pins.reload()
            self._client.reach()
            self._judge()
        except (RegistryError, PinFileError) as error:
            self._problem = _fresh(error)
            if before is None or str(before) != str(error):
                _LOG.warning("registry_away", needs=str(error))
        else:
            self._problem = None
            if before is not None and self._has_looked:
                _LOG.info("registry_answers", registry=self._client.url)
        self._has_looked = True
        for subject, listener in list(self._listeners.items()):
            listener(self._pins.of(subject).broken)

    def _is_due(self, begun: float) -> bool:
        seconds = LOOK_SECONDS
        if self._problem is not None:
            seconds = AWAY_SECONDS
        elif self._lacks_ids:
            seconds = MISSING_SECONDS
        return self._now() - begun >= seconds or self._is_changed()

    def _is_changed(self) -> bool:
        try:
            return self._pins.is_outdated
        except PinFileError:
            return False  # the next look reports it

    def _judge(self) -> None:
        """Ask once for each pinned id, and record the result for each subject."""
        pinned = {subject: self._pins.of(subject) for subject in self._subjects}
        answers = {key: self._answer(key) for key in sorted({key for pins in pinned.values() for key in pins.ids})}
        self._lacks_ids = None in answers.values()
        for subject, pins in pinned.items():
            others = [key for key, found in pins.ids.items() if answers[key] not in (None, found)]
            missing = any(answers[key] is None for key in pins.ids)
            if others:
                self._break(subject, pins, others)
            elif pins.broken is not None and not missing:
                self._pins.judge(subject, pins, None)
                _LOG.info("pins_right_again", subject=subject)

    def _answer(self, key: PinKey) -> str | None:
        """Return the hash of the schema that the registry has now, or None if it has none."""
        try:
            return self._client.hash_of_id(key.space, key.id)
        except NotInRegistryError:
            return None
        except UnusableSchemaError:
            return _NOT_AVRO

    def _break(self, subject: str, pins: SubjectPins, others: list[PinKey]) -> None:
        sentence = broken_sentence(subject, self._client.url, pins.ids, others)
        if pins.broken != sentence:
            self._pins.judge(subject, pins, sentence)
            _LOG.error("pins_broken", subject=subject, needs=sentence)


def _fresh(error: _Problem) -> _Problem:
    """Return an error like *error*, without its frames, which hold memory as long as the error is kept."""
    return type(error)(str(error))


def broken_sentence(subject: str, url: str, pinned: Mapping[PinKey, str], others: list[PinKey]) -> str:
    """Return what happened to the pins of a subject, and the remedy.

    >>> key = PinKey.parse("content:6")
    >>> print(broken_sentence("order_placed", "http://r", {key: ""}, [key]).partition("; ")[0])
    order_placed: http://r gives 1 of 1 pinned schema ids (6) to other schemas than before
    """
    named = ", ".join(str(key.id) for key in others[:_NAMED]) + (", ..." if len(others) > _NAMED else "")
    return (
        f"{subject}: {url} gives {len(others):,} of {len(pinned):,} pinned schema ids ({named}) to other schemas than "
        "before; the registry has lost its data, or is another one: restore it, or run "
        f"`headrace contracts pin {subject}` to accept its ids of now (docs/registry.md)"
    )
