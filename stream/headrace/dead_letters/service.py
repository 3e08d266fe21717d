"""The Python API for the handling of letters; the command line prints its results.

Reading changes nothing. Before an operation shows personal data or changes the state of a letter, the trail records the
person, the time, the letters and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from headrace.dead_letters.archive_reader import PAGE, ArchiveReader
from headrace.dead_letters.archive_writer import ArchiveWriter
from headrace.dead_letters.archived_letter import ArchivedLetter, LetterSummary
from headrace.dead_letters.facts import Action, Fact, State, TrailEntry
from headrace.dead_letters.filters import Filter
from headrace.errors import Exit, HeadraceError
from headrace.util.batching import in_batches

SHORT: Final = 10  # characters of an id in a list
PAGE_BYTES: Final = 32_000_000  # payloads in memory at once
_ID: Final = re.compile(r"[0-9a-f]{4,20}")
_MOST: Final = 1_000_000


class ChoiceError(HeadraceError, ValueError, error_code="HR-708", exit_code=Exit.USAGE):
    """The options do not choose letters unambiguously. The message names the option and the remedy."""


@dataclass(slots=True)
class Operation:
    """A command while it runs; *done* counts the letters it has handled."""

    id: str
    done: int = 0


@dataclass(frozen=True, slots=True)
class LetterService:
    """The letters of one archive, for one person.

    *open_archive* is called before something is recorded. *clock* returns aware times in UTC, *new_operation* a unique
    id. Methods raise SealedError without the right key, ArchiveError if they cannot record, and the client's errors.
    """

    reader: ArchiveReader
    open_archive: Callable[[], ArchiveWriter] = field(repr=False)
    actor: str
    clock: Callable[[], datetime]
    new_operation: Callable[[], str]

    def find_one(self, prefix: str) -> LetterSummary:
        """Return the letter whose id begins with *prefix*.

        Raises:
            ChoiceError: no id or several ids begin with it.
        """
        return self.find_all([prefix])[0]

    def find_all(self, prefixes: Sequence[str]) -> list[LetterSummary]:
        """Return the letters whose ids begin with *prefixes*. Raises ChoiceError if a prefix fits no id, or several."""
        for each in prefixes:
            if not _ID.fullmatch(each.lower()):
                raise ChoiceError(f"{each[:40]!r}: invalid id; `headrace dead-letters list --state all` lists the ids")
        found = self._find(Filter(ids=tuple(each.lower() for each in prefixes)))
        for each in prefixes:
            matching = [letter.letter_id for letter in found if letter.letter_id.startswith(each.lower())]
            if not matching:
                raise ChoiceError(
                    f"{each}: not found in {self.reader.names.dataset}; "
                    "`headrace dead-letters list --state all` lists the ids"
                )
            if len(matching) > 1:
                raise ChoiceError(f"{each}: {len(matching)} ids begin with it; write more of {matching[0]}")
        return found

    def find_matching(self, wanted: Filter) -> list[LetterSummary]:
        """Return all letters that *wanted* chooses; each of its ids must choose one letter.

        Raises:
            ChoiceError: an id chooses no letter or several, or more than a million letters are chosen.
        """
        if wanted.ids:
            self.find_all(wanted.ids)
        return self._find(wanted)

    def _find(self, wanted: Filter) -> list[LetterSummary]:
        found = self.reader.find(wanted, _MOST + 1)
        if len(found) > _MOST:
            raise ChoiceError(f"more than {_MOST:,} letters are chosen; choose fewer at a time, such as with --since")
        return found

    def read(self, letters: Sequence[LetterSummary]) -> Iterator[ArchivedLetter]:
        """Yield complete letters; read a limited number of bytes at a time."""
        for page in _pages(letters):
            yield from self.reader.read([each.letter_id for each in page])

    def discard(self, letters: Sequence[LetterSummary], wanted: Filter, why: str) -> int:
        """Discard those of *letters* that are open, until somebody reopens them; return their number."""
        return self._mark([each for each in letters if each.state is State.OPEN], wanted, Action.DISCARDED, why)

    def reopen(self, letters: Sequence[LetterSummary], wanted: Filter, why: str) -> int:
        """Reopen those of *letters* that are discarded or replayed; return their number."""
        return self._mark([each for each in letters if each.state is not State.OPEN], wanted, Action.REOPENED, why)

    @contextmanager
    def operation(self, action: str, wanted: Filter, why: str) -> Iterator[Operation]:
        """Record the beginning and the end of a command in the trail."""
        archive, operation, outcome = self.open_archive(), Operation(self.new_operation()), "interrupted"
        chosen = wanted.to_json()
        archive.append_entry(TrailEntry(operation.id, action, self.clock(), self.actor, chosen, why, 0, ""))
        try:
            yield operation
            outcome = "done"
        finally:
            ended = TrailEntry(operation.id, action, self.clock(), self.actor, chosen, why, operation.done, outcome)
            archive.append_entry(ended)

    def fact(self, operation: Operation, letter: LetterSummary, action: Action, why: str, edited: Any = None) -> Fact:
        """Return the fact that records *action* on *letter* now."""
        return Fact(letter.letter_id, letter.attempt, action, self.clock(), self.actor, operation.id, why, edited)

    def record(self, operation: Operation, facts: Sequence[Fact]) -> None:
        """Record facts about different letters as part of *operation*."""
        if facts:
            self.open_archive().append_facts(facts)
            operation.done += len(facts)

    def record_reveal(self, letters: Sequence[LetterSummary], why: str) -> None:
        """Record that personal values of *letters* will be shown. Raises ChoiceError if *why* is empty."""
        if not why.strip():
            raise ChoiceError('--reveal: no reason given; give one with --why "...", it is recorded')
        with self.operation("reveal", Filter(ids=tuple(each.letter_id for each in letters)), why) as operation:
            self.record(operation, [self.fact(operation, each, Action.REVEALED, why) for each in letters])

    def _mark(self, letters: Sequence[LetterSummary], wanted: Filter, action: Action, why: str) -> int:
        if not letters:
            return 0
        with self.operation(_VERBS[action], wanted, why) as operation:
            for start in range(0, len(letters), PAGE):
                page = letters[start : start + PAGE]
                self.record(operation, [self.fact(operation, each, action, why) for each in page])
        return len(letters)


_VERBS: Final = {Action.DISCARDED: "discard", Action.REOPENED: "reopen"}


def _pages(letters: Sequence[LetterSummary]) -> Iterator[list[LetterSummary]]:
    return in_batches(letters, lambda letter: letter.bytes, PAGE_BYTES, PAGE)
