"""What a replay would do: how many letters, which would pass today, which would not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from schemas.registry import Registry
from stream.letters.facts import State
from stream.letters.filters import Filter
from stream.letters.judging import Judge, Judged, Prospect
from stream.letters.outgoing import is_stamped
from stream.letters.reading import Reader

SENT_BY_DEFAULT: Final = frozenset({Prospect.PASSES, Prospect.UNKNOWN})
PAGE_LETTERS: Final = 1000
PAGE_BYTES: Final = 32_000_000
MOST_WHYS: Final = 1000
OTHERS: Final = "and others"
Sized = tuple[str, int]


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

    *chosen* are the ids of those to be sent, with their sizes; *incomplete* have a piece that is not there yet, of
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
    chosen: list[Sized] = field(default_factory=list, repr=False)

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
            self.chosen.append((letter.id, size))
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
    *looked* is told how many have been looked at, of how many. Memory holds ids, and one page of letters.

    Raises what the reader raises.
    """
    until = now if wanted.until is None else min(now, wanted.until)
    wanted = replace(wanted, states=wanted.states or (State.OPEN,), until=until)
    made, judge = Plan(wanted, prospects, now), Judge(registry)
    matching = reader.sizes(wanted)
    made.matching = len(matching)
    for page in pages(matching):
        sizes = dict(page)
        letters = [kept.now for kept in reader.read(list(sizes))]
        made.incomplete += len(page) - len(letters)
        for judged in judge.judge(letters):
            made.add(judged, sizes[judged.letter.id])
        made.looked_at += len(page)
        looked(made.looked_at, made.matching)
        if most is not None and len(made.chosen) >= most:
            del made.chosen[most:]
            break
    return made


def pages(sized: Sequence[Sized]) -> Iterator[list[Sized]]:
    """Cut into pages of which memory can hold one: so many letters at most, and so many bytes, or one letter."""
    page: list[Sized] = []
    size = 0
    for each in sized:
        if page and (len(page) == PAGE_LETTERS or size + each[1] > PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(each)
        size += each[1]
    if page:
        yield page
