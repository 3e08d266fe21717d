"""Mending letters of the archive: first what a change would do, then the change as a fact beside the original."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from headrace.dead_letters.archive_reader import Listed
from headrace.dead_letters.differences import Difference, differences
from headrace.dead_letters.edit_event import Change, mend
from headrace.dead_letters.facts import Action, Fact, State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.merge_patch import MendError
from headrace.dead_letters.service import Letters
from headrace.schemas.registry import Registry

EXAMPLES: Final = 3
BATCH: Final = 500
BATCH_BYTES: Final = 8_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change would do: to *letters*, the first of them in *examples*; not to those that *refused* says why."""

    letters: Sequence[Listed]
    examples: Mapping[str, Sequence[Difference]] = field(repr=False)
    refused: Mapping[str, int]


def plan(
    service: Letters, letters: Sequence[Listed], change: Change, registry: Registry, *, reveal: bool = False
) -> Plan:
    """Try *change* on every letter, and record nothing; with *reveal* no value of the examples is hidden."""
    by_id = {each.letter_id: each for each in letters}
    fitting: list[Listed] = []
    examples: dict[str, Sequence[Difference]] = {}
    refused: Counter[str] = Counter()
    for each in letters:
        if each.state is not State.OPEN:
            refused[f"it is {each.state}; `headrace dead-letters reopen` it first"] += 1
    for kept in service.kept([each for each in letters if each.state is State.OPEN]):
        try:
            mended = mend(kept.now, change, registry)
        except MendError as error:
            refused[str(error)] += 1
            continue
        fitting.append(by_id[kept.refused.id])
        if len(examples) < EXAMPLES:
            examples[kept.refused.id] = differences(kept.now, mended, reveal=reveal)
    return Plan(fitting, examples, refused)


def edit(
    service: Letters, letters: Sequence[Listed], change: Change, registry: Registry, wanted: Filter, why: str
) -> int:
    """Record *change* for letters that a plan found it to fit; how many there were.

    Raises:
        MendError: it fits one of them no more, for somebody else edited it meanwhile.
    """
    by_id = {each.letter_id: each for each in letters}
    with service.operation("edit", wanted, why) as operation:
        facts: list[Fact] = []
        size = 0
        for kept in service.kept(letters):
            mended = mend(kept.now, change, registry).letter
            facts.append(service.fact(operation, by_id[kept.refused.id], Action.EDITED, why, mended))
            size += len(mended.data)
            if len(facts) == BATCH or size > BATCH_BYTES:
                service.note(operation, facts)
                facts, size = [], 0
        service.note(operation, facts)
    return operation.done
