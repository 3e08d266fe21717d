"""Export letters from an archive and import them into one, byte for byte. The trail records both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from headrace.dead_letters.archived_letter import LetterSummary
from headrace.dead_letters.export import ExportedLetter, read_lines, to_line
from headrace.dead_letters.facts import Action, Fact, State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.letter import as_pieces
from headrace.dead_letters.service import LetterService, Operation

BATCH: Final = 200
BATCH_BYTES: Final = 8_000_000
_ACTIONS: Final = {State.REPLAYED: Action.REPLAYED, State.DISCARDED: Action.DISCARDED}


def export(service: LetterService, letters: Sequence[LetterSummary], wanted: Filter, why: str) -> Iterator[str]:
    """Yield each letter as a line. Record the export in the trail before the first line."""
    with service.operation("export", wanted, why) as operation:
        for archived in service.read(letters):
            yield to_line(archived)
            operation.done += 1


def import_lines(service: LetterService, lines: Iterable[str], why: str) -> tuple[int, int]:
    """Import the letters that the archive lacks; return their number, and the number of letters that it already had.

    A second import changes nothing.

    Raises:
        ImportLineError: a line is not from an export; the lines before it are imported.
    """
    present = 0
    with service.operation("import", Filter(), why) as operation:
        exported = read_lines(lines)
        while batch := list(_batch(exported)):
            known = service.reader.known([each.letter.id for each in batch])
            new = [each for each in batch if (each.letter.id, each.letter.attempt) not in known]
            new = list({(each.letter.id, each.letter.attempt): each for each in new}.values())
            present += len(batch) - len(new)
            service.open_archive().append_letters([piece for each in new for piece in as_pieces(each.letter)])
            service.open_archive().append_facts(
                [fact for each in new for fact in _facts(service, operation, each, why)]
            )
            operation.done += len(new)
    return operation.done, present


def _batch(exported: Iterator[ExportedLetter]) -> Iterator[ExportedLetter]:
    size = 0
    for each in islice(exported, BATCH):
        yield each
        size += len(each.letter.data)
        if size > BATCH_BYTES:
            return


def _facts(service: LetterService, operation: Operation, exported: ExportedLetter, why: str) -> Iterator[Fact]:
    """Yield the fact of the import, and the facts that restore the letter's edit and state."""
    letter = exported.letter

    def fact(action: Action) -> Fact:
        edited = exported.edited if action is Action.EDITED else None
        return Fact(letter.id, letter.attempt, action, service.clock(), service.actor, operation.id, why, edited)

    yield fact(Action.IMPORTED)
    if exported.edited is not None:
        yield fact(Action.EDITED)
    if exported.state in _ACTIONS:
        yield fact(_ACTIONS[exported.state])
