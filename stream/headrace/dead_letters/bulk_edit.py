"""Edit letters of the archive: plan the effect of a change on each, then record it as a fact beside the original."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from headrace.dead_letters.archived_letter import LetterSummary
from headrace.dead_letters.differences import Difference, differences
from headrace.dead_letters.edit_event import LetterChange, edit_event
from headrace.dead_letters.facts import Action, Fact, State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.merge_patch import EditError
from headrace.dead_letters.service import LetterService
from headrace.schemas.registry import Registry

EXAMPLES: Final = 3
BATCH: Final = 500
BATCH_BYTES: Final = 8_000_000


@dataclass(frozen=True, slots=True)
class BulkEdit:
    """The plan of a change: the *letters* that it fits, with differences of the first few as *examples*.

    *refused* counts the other letters by the cause.
    """

    letters: Sequence[LetterSummary]
    examples: Mapping[str, Sequence[Difference]] = field(repr=False)
    refused: Mapping[str, int]


def plan_edit(
    service: LetterService,
    letters: Sequence[LetterSummary],
    change: LetterChange,
    registry: Registry,
    *,
    reveal: bool = False,
) -> BulkEdit:
    """Try *change* on every letter without recording it. With *reveal*, the examples show personal values."""
    by_id = {each.letter_id: each for each in letters}
    fitting: list[LetterSummary] = []
    examples: dict[str, Sequence[Difference]] = {}
    refused: Counter[str] = Counter()
    for each in letters:
        if each.state is not State.OPEN:
            refused[f"it is {each.state}; run `headrace dead-letters reopen` first"] += 1
    for archived in service.read([each for each in letters if each.state is State.OPEN]):
        try:
            edited = edit_event(archived.current, change, registry)
        except EditError as error:
            refused[str(error)] += 1
            continue
        fitting.append(by_id[archived.refused.id])
        if len(examples) < EXAMPLES:
            examples[archived.refused.id] = differences(archived.current, edited, reveal=reveal)
    return BulkEdit(fitting, examples, refused)


def apply_edit(
    service: LetterService,
    letters: Sequence[LetterSummary],
    change: LetterChange,
    registry: Registry,
    wanted: Filter,
    why: str,
) -> int:
    """Record *change* for the letters of a plan; return the number of letters.

    Raises:
        EditError: the change no longer fits a letter, because somebody else edited it meanwhile.
    """
    by_id = {each.letter_id: each for each in letters}
    with service.operation("edit", wanted, why) as operation:
        facts: list[Fact] = []
        size = 0
        for archived in service.read(letters):
            edited = edit_event(archived.current, change, registry).letter
            facts.append(service.fact(operation, by_id[archived.refused.id], Action.EDITED, why, edited))
            size += len(edited.data)
            if len(facts) == BATCH or size > BATCH_BYTES:
                service.record(operation, facts)
                facts, size = [], 0
        service.record(operation, facts)
    return operation.done
