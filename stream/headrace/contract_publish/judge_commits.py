"""Versions that Pub/Sub's schema service would not take as a revision after the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from headrace.contract_publish.plan_schema import SCHEMA, Commit, SchemaPlan
from headrace.core.plan_refusals import Refusal
from headrace.schemas.compatibility.compare_contracts import compare_contracts
from headrace.schemas.compatibility.rules import Break, Direction
from headrace.schemas.registry import Contract

_MOST_PLACES: Final = 3
_WAIVED: Final = "change it as the check says, without the waiver; or publish a new subject"
_UNCHECKED: Final = (
    'change it, and declare "compatibility": "full" so that the check finds this; or publish a new subject'
)


def judge_commits(plan: SchemaPlan, contracts: Mapping[int, Contract]) -> Iterator[Refusal]:
    """Yield a refusal for each version of *plan* with which subscribers of the revision before cannot go on.

    The other direction is a rule for contracts, which their check has judged. *contracts* are those of the subject.
    """
    before = _latest(plan)
    for step in plan.steps:
        if isinstance(step, Commit):
            if before is not None:
                yield from _refusals(plan.schema, contracts[before], contracts[step.version])
            before = step.version


def _latest(plan: SchemaPlan) -> int | None:
    last = plan.revisions[-1:]
    return max((version for version, names in plan.by_version.items() if names[-1:] == last), default=None)


def _refusals(schema: str, old: Contract, new: Contract) -> Iterator[Refusal]:
    found = [each for each in compare_contracts(old, new) if each.direction is Direction.FORWARD]
    if found:
        is_checked = new.options.compatibility.covers(Direction.FORWARD, is_previous=True)
        places = ", ".join(dict.fromkeys(map(_place, found[:_MOST_PLACES])))
        more = ", ..." if len(found) > _MOST_PLACES else ""
        yield Refusal(
            SCHEMA,
            schema,
            f"readers of v{old.ref.version} cannot read v{new.ref.version} ({places}{more}), and Pub/Sub accepts no "
            "revision that breaks either direction, waived or not",
            _WAIVED if is_checked else _UNCHECKED,
            found[0].rule,
        )


def _place(found: Break) -> str:
    return f"{found.rule} at {found.where}" if found.where else found.rule
