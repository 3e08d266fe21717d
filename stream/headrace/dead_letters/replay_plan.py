"""What a replay would do: how many letters, which would pass today, which would not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from headrace.dead_letters.archive_reader import Reader
from headrace.dead_letters.facts import State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.outgoing import is_stamped
from headrace.dead_letters.prefetch import one_ahead
from headrace.dead_letters.replay_forecast import Judge, Judged, Prospect
from headrace.schemas.registry import Registry
from headrace.util.batching import in_batches

SENT_BY_DEFAULT: Final = frozenset({Prospect.PASSES, Prospect.UNKNOWN})
PAGE_LETTERS: Final = 1000
PAGE_BYTES: Final = 32_000_000
MOST_WHYS: Final = 1000
OTHERS: Final = "and others"


class Entry(NamedTuple):
    """A letter to come: its id, the size of its payload, and its :func:`fingerprint` once it was looked at."""

    letter_id: str
    bytes: int
    fingerprint: int = 0


@dataclass(slots=True)
class Why:
    """Letters of which the same is said today; *example* is the id of the first."""

    prospect: Prospect
    reason: str
    why: str
    example: str
    letters: int = 0


@dataclass(slots=True)
class Plan:
    """Letters that match *wanted* and were refused before *began*, counted by the reason of their refusal.

    *chosen* are those to be sent; *incomplete* have a piece that is not there yet, of
    *stamped* some attributes are left out. *looked_at* is less than *matching* when it was enough.
    """

    wanted: Filter
    prospects: Collection[Prospect]
    began: datetime
    matching: int = 0
    looked_at: int = 0
    incomplete: int = 0
    stamped: int = 0
    by_reason: dict[str, Counter[Prospect]] = field(default_factory=dict)
    whys: dict[tuple[Prospect, str, str], Why] = field(default_factory=dict)
    chosen: list[Entry] = field(default_factory=list, repr=False)

    def count(self, *prospects: Prospect) -> int:
        """How many letters have one of *prospects*."""
        return sum(counts[prospect] for counts in self.by_reason.values() for prospect in prospects)

    def add(self, judged: Judged, size: int) -> None:
        """Count a letter, and choose it when its prospect is among those asked for."""
        letter = judged.letter
        self.by_reason.setdefault(letter.reason, Counter())[judged.prospect] += 1
        if judged.prospect is not Prospect.PASSES:
            self._say(judged)
        if judged.prospect in self.prospects:
            self.chosen.append(Entry(letter.id, size, fingerprint(letter)))
            self.stamped += is_stamped(letter)

    def _say(self, judged: Judged) -> None:
        key = judged.prospect, judged.reason, judged.why
        if key not in self.whys and len(self.whys) >= MOST_WHYS:
            key = judged.prospect, judged.reason, OTHERS
        self.whys.setdefault(key, Why(*key, judged.letter.id)).letters += 1


def plan(
    reader: Reader,
    registry: Registry,
    wanted: Filter,
    now: datetime,
    prospects: Collection[Prospect] = SENT_BY_DEFAULT,
    most: int | None = None,
    looked: Callable[[int, int], None] = lambda done, total: None,
) -> Plan:
    """Judge the letters that match, those that are open unless *wanted* names states, the oldest first.

    Refused before *now* (aware), so that what comes back from a replay is no part of it. Stops when *most* are chosen.
    *looked* is told how many have been looked at, of how many. Memory holds ids, and two pages of letters.

    Raises what the reader raises.
    """
    until = now if wanted.until is None else min(now, wanted.until)
    wanted = replace(wanted, states=wanted.states or (State.OPEN,), until=until)
    made, judge = Plan(wanted, prospects, now), Judge(registry)
    matching = [Entry(*each) for each in reader.sizes(wanted)]
    made.matching = len(matching)

    def read(page: Sequence[Entry]) -> list[Letter]:
        return [kept.now for kept in reader.read([each.letter_id for each in page])]

    for page, letters in one_ahead(pages(matching), read):
        sizes = {each.letter_id: each.bytes for each in page}
        made.incomplete += len(page) - len(letters)
        for judged in judge.judge(letters):
            made.add(judged, sizes[judged.letter.id])
        made.looked_at += len(page)
        looked(made.looked_at, made.matching)
        if most is not None and len(made.chosen) >= most:
            del made.chosen[most:]
            break
    return made


def fingerprint(letter: Letter) -> int:
    """What tells whether a letter was edited since, or refused again; means nothing to another process."""
    return hash((letter.attempt, letter.data, frozenset(letter.attributes.items()), letter.ordering_key))


def pages(sized: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut into pages of which memory can hold one: so many letters at most, and so many bytes, or one letter."""
    return in_batches(sized, lambda each: each.bytes, PAGE_BYTES, PAGE_LETTERS)
