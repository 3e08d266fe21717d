"""Plan a replay: count the letters that match, forecast which of them would pass, and explain why others would not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from headrace.core.routes import Routes
from headrace.dead_letters.archive_reader import ArchiveReader
from headrace.dead_letters.facts import State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.outgoing import is_stamped
from headrace.dead_letters.prefetch import prefetch
from headrace.dead_letters.replay_forecast import Forecast, Forecaster, LetterForecast
from headrace.schemas.registry import Registry
from headrace.steps.decode.schema_versions import AskFor, ask_nobody
from headrace.util.batching import in_batches

SENT_BY_DEFAULT: Final = frozenset({Forecast.PASSES, Forecast.UNKNOWN})
PAGE_LETTERS: Final = 1000
PAGE_BYTES: Final = 32_000_000
MAX_CAUSES: Final = 1000
OTHERS: Final = "and others"


class PlannedLetter(NamedTuple):
    """A letter of a plan: its id, the size of its payload, and after the check its :func:`fingerprint`."""

    letter_id: str
    bytes: int
    fingerprint: int = 0


@dataclass(slots=True)
class Cause:
    """Letters with the same forecast for the same reason; *example* is the id of the first."""

    forecast: Forecast
    reason: str
    why: str
    example: str
    letters: int = 0


@dataclass(slots=True)
class ReplayPlan:
    """Letters that match *wanted* and were refused before *began*, counted by the reason of their refusal.

    *chosen* are the letters to send. *incomplete* counts letters with a piece that is not collected yet. *stamped*
    counts letters that are sent without some attributes. *checked* is less than *matching* if enough were chosen.
    """

    wanted: Filter
    forecasts: Collection[Forecast]
    began: datetime
    matching: int = 0
    checked: int = 0
    incomplete: int = 0
    stamped: int = 0
    by_reason: dict[str, Counter[Forecast]] = field(default_factory=dict)
    causes: dict[tuple[Forecast, str, str], Cause] = field(default_factory=dict)
    chosen: list[PlannedLetter] = field(default_factory=list, repr=False)

    def count(self, *forecasts: Forecast) -> int:
        """Return how many letters have one of *forecasts*."""
        return sum(counts[forecast] for counts in self.by_reason.values() for forecast in forecasts)

    def add(self, found: LetterForecast, size: int) -> None:
        """Count a letter, and choose it if its forecast is one of *forecasts*."""
        letter = found.letter
        self.by_reason.setdefault(letter.reason, Counter())[found.forecast] += 1
        if found.forecast is not Forecast.PASSES:
            self._add_cause(found)
        if found.forecast in self.forecasts:
            self.chosen.append(PlannedLetter(letter.id, size, fingerprint(letter)))
            self.stamped += is_stamped(letter)

    def _add_cause(self, found: LetterForecast) -> None:
        key = found.forecast, found.reason, found.why
        if key not in self.causes and len(self.causes) >= MAX_CAUSES:
            key = found.forecast, found.reason, OTHERS
        self.causes.setdefault(key, Cause(*key, found.letter.id)).letters += 1


def plan_replay(
    reader: ArchiveReader,
    registry: Registry,
    wanted: Filter,
    now: datetime,
    forecasts: Collection[Forecast] = SENT_BY_DEFAULT,
    most: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    routes: Routes | None = None,
    ask_for: AskFor = ask_nobody,
) -> ReplayPlan:
    """Forecast the matching letters, the oldest first; only open ones unless *wanted* names states.

    Use only letters refused before *now* (aware), so that letters that a replay refuses again are not in the plan. Stop
    when *most* are chosen. Call *progress* with the number of letters checked and the number that match. Memory holds
    all ids and two pages of letters. *routes* give a subject to letters of messages that belonged to none;
    *ask_for* returns the registry's ids of a subject.

    Raise the reader's errors.
    """
    until = now if wanted.until is None else min(now, wanted.until)
    wanted = replace(wanted, states=wanted.states or (State.OPEN,), until=until)
    made, forecaster = ReplayPlan(wanted, forecasts, now), Forecaster(registry, routes, ask_for)
    matching = [PlannedLetter(*each) for each in reader.sizes(wanted)]
    made.matching = len(matching)

    def read(page: Sequence[PlannedLetter]) -> list[Letter]:
        return [archived.current for archived in reader.read([each.letter_id for each in page])]

    for page, letters in prefetch(pages(matching), read):
        sizes = {each.letter_id: each.bytes for each in page}
        made.incomplete += len(page) - len(letters)
        for found in forecaster.forecast(letters):
            made.add(found, sizes[found.letter.id])
        made.checked += len(page)
        progress(made.checked, made.matching)
        if most is not None and len(made.chosen) >= most:
            del made.chosen[most:]
            break
    return made


def fingerprint(letter: Letter) -> int:
    """Return a number that changes when a letter is edited or refused again. It is valid within one process."""
    return hash((letter.attempt, letter.data, frozenset(letter.attributes.items()), letter.ordering_key))


def pages(sized: Sequence[PlannedLetter]) -> Iterator[list[PlannedLetter]]:
    """Yield letters in pages that fit into memory: limited by count and bytes, with at least one letter."""
    return in_batches(sized, lambda each: each.bytes, PAGE_BYTES, PAGE_LETTERS)
