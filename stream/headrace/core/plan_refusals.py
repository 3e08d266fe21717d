"""What a plan refuses: everything at once, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headrace.errors import Exit, HeadraceError
from headrace.util.terminal_columns import counted


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that cannot become what the contracts say: its kind (*what*), its full name, why, and the remedy."""

    what: str
    name: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}; {self.remedy}"


class ProvisionError(HeadraceError, ValueError, error_code="HR-401", exit_code=Exit.CONFIGURATION):
    """An existing resource cannot become what the contracts need. Nothing was changed.

    It says of one refusal what is refused, and of several how many; the rest is in *refusals*.
    """

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        count = counted(len(self.refusals), "refusal")
        super().__init__(str(refusals[0]) if len(refusals) == 1 else f"{count}; nothing was changed")


def listed(refusals: Sequence[Refusal]) -> Iterator[str]:
    """Lines for a person: refusals of one kind together, under its name, in the order in which they were found."""
    for what in dict.fromkeys(each.what for each in refusals):
        yield f"{what}:"
        yield from (f"  {each}" for each in refusals if each.what == what)
