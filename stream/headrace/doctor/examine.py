"""The whole examination: what can be seen from this machine first, then the checks that call services."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headrace.config.settings import SettingsError
from headrace.config.usable_settings import UsableSettings, usable_settings
from headrace.doctor.check_settings import ShownSetting, judge_settings, judge_variables, shown_settings
from headrace.doctor.far_checks import Ground, far_checks
from headrace.doctor.findings import Area, Finding, Level, failed, refused
from headrace.doctor.near_checks import NearChecks
from headrace.doctor.run_checks import Checked, Running

NEAR_SECONDS: Final = 5.0  # then begin what the first checks allow so far
ALL_SECONDS: Final = 7.0  # of ten, because Python takes one to three seconds to start and to print


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of an examination: seconds that only grow, and microseconds since 1970."""

    elapsed: Callable[[], float]
    wall: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Report:
    """All findings by area, and the valid settings with their origins."""

    checked: Sequence[Checked]
    settings: Sequence[ShownSetting]

    @property
    def is_healthy(self) -> bool:
        """Whether there is no problem."""
        return not self.count(Level.PROBLEM)

    def count(self, level: Level) -> int:
        """Return the number of findings of a level."""
        return sum(each.finding.level is level for each in self.checked)


def examine(flags: Mapping[str, Any], commands: Collection[str], begun: float, clocks: Clocks) -> Report:
    """Examine the set-up that *flags* and the environment describe, until ALL_SECONDS after *begun* at most.

    With *commands*, a permission that they lack is a problem. Without, the permissions of all commands are checked, and
    a missing one is a warning, because several identities share the commands.
    """
    usable, shown, found = _read_settings(flags)
    checked = [Checked(Area.SETTINGS, each) for each in found]
    near = NearChecks(usable)
    first = Running(near.checks(), clocks.elapsed)
    first.wait(begun + NEAR_SECONDS)
    ground = Ground(usable, near.registry, near.clients, frozenset(near.services.answering))
    second = Running(far_checks(ground, commands, clocks.wall), clocks.elapsed)
    for each in (first, second):
        checked += each.findings(begun + ALL_SECONDS)
    order = list(Area)
    return Report(sorted(checked, key=lambda each: order.index(each.area)), shown)


def _read_settings(flags: Mapping[str, Any]) -> tuple[UsableSettings | None, list[ShownSetting], list[Finding]]:
    found = list(judge_variables(os.environ))
    try:
        usable = usable_settings(flags)
    except SettingsError as error:
        return None, [], [*found, refused(Level.PROBLEM, "settings", error)]
    except OSError as error:  # the working folder is gone, or cannot be read
        return None, [], [*found, failed("settings", error)]
    shown = shown_settings(usable)
    return usable, shown, [*judge_settings(usable, shown), *found]
