"""The speeds of subjects, from two reports of the same engine."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from headrace.core.engine_report import WITHIN, EngineReport, SubjectReport

_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Speed:
    """Messages a second that were pulled and acknowledged, and how long they took from publish to acknowledgement.

    *within* is the time in seconds within which 95 % of them were acknowledged, rounded up to a bound of WITHIN;
    infinite beyond the last bound, and None without such messages.
    """

    received: float
    acknowledged: float
    within: float | None


def speeds(before: EngineReport, after: EngineReport) -> dict[str, Speed]:
    """Return the speed of each subject between two reports; nothing if another process made the first one."""
    seconds = (after.at - before.at) / _MICROS
    if seconds <= 0 or (before.started_at, before.process) != (after.started_at, after.process):
        return {}
    earlier = {each.subject: each for each in before.subjects}
    return {
        each.subject: _speed(earlier[each.subject], each, seconds) for each in after.subjects if each.subject in earlier
    }


def _speed(before: SubjectReport, after: SubjectReport, seconds: float) -> Speed:
    def a_second(name: str) -> float:
        return (after.counts.get(name, 0) - before.counts.get(name, 0)) / seconds

    took = [later - earlier for earlier, later in zip(before.took, after.took, strict=True)]
    return Speed(a_second("received"), a_second("acknowledged"), _within(took))


def _within(took: list[int]) -> float | None:
    enough = sum(took) * 0.95
    if not enough:
        return None
    bounds = zip((*WITHIN, float("inf")), accumulate(took), strict=True)
    return next(bound for bound, counted in bounds if counted >= enough)
