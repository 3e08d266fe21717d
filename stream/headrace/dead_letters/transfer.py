"""Letters out of an archive and into one, the same bytes; recorded, for they hold personal data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from headrace.dead_letters.archive_reader import Listed
from headrace.dead_letters.export import Exported, read_lines, to_line
from headrace.dead_letters.facts import Action, Fact, State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.letter import as_pieces
from headrace.dead_letters.service import Letters, Operation

BATCH: Final = 200


def export(service: Letters, letters: Sequence[Listed], wanted: Filter, why: str) -> Iterator[str]:
    """Give each letter as a line; that it was done is recorded before the first."""
    with service.operation("export", wanted, why) as operation:
        for kept in service.kept(letters):
            yield to_line(kept)
            operation.done += 1


def import_lines(service: Letters, lines: Iterable[str], why: str) -> tuple[int, int]:
    """Bring letters in that are not there yet: how many, and how many were there. Done twice, it changes nothing.

    Raises:
        ImportLineError: a line is not one of an export; those before it are imported.
    """
    there = 0
    with service.operation("import", Filter(), why) as operation:
        exported = read_lines(lines)
        while batch := list(_some(exported)):
            known = service.reader.known([each.letter.id for each in batch])
            new = [each for each in batch if (each.letter.id, each.letter.attempt) not in known]
            new = list({(each.letter.id, each.letter.attempt): each for each in new}.values())
            there += len(batch) - len(new)
            service.open_archive().keep([piece for each in new for piece in as_pieces(each.letter)])
            service.open_archive().note([fact for each in new for fact in _facts(service, operation, each, why)])
            operation.done += len(new)
    return operation.done, there


def _some(exported: Iterator[Exported]) -> Iterator[Exported]:
    size = 0
    for each in islice(exported, BATCH):
        yield each
        size += len(each.letter.data)
        if size > 8_000_000:
            return


_SAID: Final = {State.REPLAYED: Action.REPLAYED, State.DISCARDED: Action.DISCARDED}


def _facts(service: Letters, operation: Operation, exported: Exported, why: str) -> Iterator[Fact]:
    """That it was imported, and what had been done with it where it comes from."""
    letter = exported.letter

    def fact(action: Action) -> Fact:
        mended = exported.mended if action is Action.EDITED else None
        return Fact(letter.id, letter.attempt, action, service.clock(), service.who, operation.id, why, mended)

    yield fact(Action.IMPORTED)
    if exported.mended is not None:
        yield fact(Action.EDITED)
    if exported.state in _SAID:
        yield fact(_SAID[exported.state])
