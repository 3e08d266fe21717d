"""The options of ``headrace replay``."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.dead_letters.replay_forecast import Forecast
from headrace.dead_letters.replay_plan import SENT_BY_DEFAULT
from headrace.dead_letters.service import ChoiceError


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """The options of ``headrace replay``."""

    only_passing: bool
    also_failing: bool
    rate: float | None
    most: int | None
    dry_run: bool
    sure: bool
    why: str

    @property
    def forecasts(self) -> frozenset[Forecast]:
        """The forecasts whose letters are sent. Raises ChoiceError if options exclude each other."""
        if self.only_passing and self.also_failing:
            raise ChoiceError("--only-passing, --also-failing: use one of them")
        if self.only_passing:
            return frozenset({Forecast.PASSES})
        return SENT_BY_DEFAULT | {Forecast.FAILS} if self.also_failing else SENT_BY_DEFAULT
