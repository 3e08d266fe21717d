"""The refusals of a provision plan. A plan reports all of them together, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headrace.errors import Exit, HeadraceError
from headrace.schemas.compatibility.rules import Rule
from headrace.util.terminal_columns import counted


@dataclass(frozen=True, slots=True)
class Refusal:
    """A resource that cannot become what the contracts require: its kind (*what*), full name, cause and remedy.

    *rule* is the rule for changes of contracts that is broken, if there is one.
    """

    what: str
    name: str
    why: str
    remedy: str
    rule: Rule | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.why}; {self.remedy}"


class ProvisionError(HeadraceError, ValueError, error_code="HR-401", exit_code=Exit.CONFIGURATION):
    """Existing resources cannot become what the contracts require. Nothing was changed.

    The text is the refusal if there is one, else the number of refusals. *refusals* has all of them.
    """

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        count = counted(len(self.refusals), "refusal")
        super().__init__(str(refusals[0]) if len(refusals) == 1 else f"{count}; nothing was changed")


def listed(refusals: Sequence[Refusal]) -> Iterator[str]:
    """Yield lines for people: the refusals grouped under their kind, in the order in which they were found."""
    for what in dict.fromkeys(each.what for each in refusals):
        yield f"{what}:"
        yield from (f"  {each}" for each in refusals if each.what == what)
