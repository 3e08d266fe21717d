"""What people do with letters, as a Python API: the command line only prints what it says.

Looking changes nothing. Whatever shows personal data, or changes where a letter stands, is in the trail before it
is done: who, when, which letters, why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from headrace.dead_letters.archive_reader import PAGE, Kept, Listed, Reader
from headrace.dead_letters.archive_writer import Archive
from headrace.dead_letters.explain import explain
from headrace.dead_letters.explanation import Explanation, Verdict
from headrace.dead_letters.facts import Action, Fact, State, Step
from headrace.dead_letters.filters import Filter
from headrace.errors import Exit, HeadraceError
from headrace.schemas.registry import Registry
from headrace.util.batching import in_batches

SHORT: Final = 10  # characters of an id that a list shows
PAGE_BYTES: Final = 32_000_000  # payloads held at once
_ID: Final = re.compile(r"[0-9a-f]{4,20}")
_MOST: Final = 1_000_000


class ChoiceError(HeadraceError, ValueError, error_code="HR-708", exit_code=Exit.USAGE):
    """The selection of dead letters is invalid or ambiguous. The text says why and the remedy."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One letter, explained: *now* is what decoding says of it as it was edited, None when it was not."""

    kept: Kept
    explanation: Explanation
    now: Verdict | None
    attempts: Sequence[dict[str, Any]]
    facts: Sequence[dict[str, Any]]


@dataclass(slots=True)
class Operation:
    """A command while it runs; *done* counts its letters."""

    id: str
    done: int = 0


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters of one archive, for one person.

    *open_archive* is called when something is to be recorded, *clock* gives aware times in UTC, *new_operation* a name
    that no other command has. Methods raise SealedError without the right key, ArchiveError when nothing can be
    recorded, and what the client raises.
    """

    reader: Reader
    open_archive: Callable[[], Archive] = field(repr=False)
    who: str
    clock: Callable[[], datetime]
    new_operation: Callable[[], str]

    def one(self, letter_id: str) -> Listed:
        """The letter that *letter_id* begins.

        Raises:
            ChoiceError: none does, or several do.
        """
        return self.named([letter_id])[0]

    def named(self, ids: Sequence[str]) -> list[Listed]:
        """The letters that *ids* begin, each once; ChoiceError when one of them begins none, or several."""
        for each in ids:
            if not _ID.fullmatch(each.lower()):
                raise ChoiceError(
                    f"{each[:40]!r}: no id of a letter; `headrace dead-letters list --state all` shows ids"
                )
        found = self.reader.find(Filter(ids=tuple(each.lower() for each in ids)), _MOST)
        for each in ids:
            matching = [letter.letter_id for letter in found if letter.letter_id.startswith(each.lower())]
            if not matching:
                raise ChoiceError(
                    f"{each}: no such letter in {self.reader.names.dataset}; "
                    "`headrace dead-letters list --state all` shows ids"
                )
            if len(matching) > 1:
                raise ChoiceError(f"{each}: {len(matching)} letters begin so; write more of {matching[0]}")
        return found

    def matching(self, wanted: Filter) -> list[Listed]:
        """All letters that *wanted* chooses; every id in it must be one letter's. Raises ChoiceError."""
        if wanted.ids:
            self.named(wanted.ids)
        return self.reader.find(wanted, _MOST)

    def kept(self, letters: Sequence[Listed]) -> Iterator[Kept]:
        """The letters whole, a bounded number of bytes at a time."""
        for page in _pages(letters):
            yield from self.reader.read([each.letter_id for each in page])

    def show(self, letter: Listed, registry: Registry, *, reveal: bool = False, why: str = "") -> Shown:
        """A letter, explained by *registry*; with *reveal*, for which *why* is asked, that is recorded first.

        Raises:
            ChoiceError: a piece of it is not collected yet, or no reason was given.
        """
        if reveal:
            self.record_reveal([letter], why)
        kept = next(self.reader.read([letter.letter_id]), None)
        if kept is None:
            raise ChoiceError(f"{letter.letter_id}: a piece of it is still to be collected; ask again in a while")
        refused, mended = kept.refused, kept.mended
        explanation = explain(registry, refused.subject, refused.attributes, refused.data, reveal=reveal)
        now = explain(registry, mended.subject, mended.attributes, mended.data).today if mended else None
        return Shown(kept, explanation, now, self.reader.attempts(refused.id), self.reader.facts(refused.id))

    def discard(self, letters: Sequence[Listed], wanted: Filter, why: str) -> int:
        """Put open letters aside for good, or until they are reopened; how many there were."""
        return self._mark([each for each in letters if each.state is State.OPEN], wanted, Action.DISCARDED, why)

    def reopen(self, letters: Sequence[Listed], wanted: Filter, why: str) -> int:
        """Open letters again that were discarded or replayed; how many there were."""
        return self._mark([each for each in letters if each.state is not State.OPEN], wanted, Action.REOPENED, why)

    @contextmanager
    def operation(self, action: str, wanted: Filter, why: str) -> Iterator[Operation]:
        """Record that a command begins, and how it ended."""
        archive, operation, outcome = self.open_archive(), Operation(self.new_operation()), "interrupted"
        said = wanted.said()
        archive.step(Step(operation.id, action, self.clock(), self.who, said, why, 0, ""))
        try:
            yield operation
            outcome = "done"
        finally:
            ended = Step(operation.id, action, self.clock(), self.who, said, why, operation.done, outcome)
            archive.step(ended)

    def fact(self, operation: Operation, letter: Listed, action: Action, why: str, mended: Any = None) -> Fact:
        """What is done with *letter* now."""
        return Fact(letter.letter_id, letter.attempt, action, self.clock(), self.who, operation.id, why, mended)

    def note(self, operation: Operation, facts: Sequence[Fact]) -> None:
        """Record facts, each about another letter, as part of *operation*."""
        if facts:
            self.open_archive().note(facts)
            operation.done += len(facts)

    def record_reveal(self, letters: Sequence[Listed], why: str) -> None:
        """Record that personal values of *letters* are about to be seen; ChoiceError when no reason is given."""
        if not why.strip():
            raise ChoiceError('--reveal: say what it is needed for with --why "..."; both are recorded')
        with self.operation("reveal", Filter(ids=tuple(each.letter_id for each in letters)), why) as operation:
            self.note(operation, [self.fact(operation, each, Action.REVEALED, why) for each in letters])

    def _mark(self, letters: Sequence[Listed], wanted: Filter, action: Action, why: str) -> int:
        if not letters:
            return 0
        with self.operation(_VERBS[action], wanted, why) as operation:
            for start in range(0, len(letters), PAGE):
                page = letters[start : start + PAGE]
                self.note(operation, [self.fact(operation, each, action, why) for each in page])
        return len(letters)


_VERBS: Final = {Action.DISCARDED: "discard", Action.REOPENED: "reopen"}


def _pages(letters: Sequence[Listed]) -> Iterator[list[Listed]]:
    return in_batches(letters, lambda letter: letter.bytes, PAGE_BYTES, PAGE)
