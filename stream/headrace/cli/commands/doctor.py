"""``headrace doctor``: print the findings by area, then problems with remedies; exit with 1 if there are problems."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, assert_never

from headrace.doctor.examine import Clocks, Report, examine
from headrace.doctor.findings import Area, Finding, Level
from headrace.doctor.needed_permissions import is_known, known_commands
from headrace.errors import Exit, HeadraceError
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import describe_emulators
from headrace.util.output import check_format, say, show
from headrace.util.terminal_columns import counted, room, wrapped
from headrace.util.terminal_safe import safe

_MOST_NAMED: Final = 3
_COLUMN: Final = 11  # of the subjects, behind the levels


class UnknownCommandError(HeadraceError, ValueError, error_code="HR-309", exit_code=Exit.USAGE):
    """`--for` names no command whose permissions are known. The text lists these commands."""


def run_doctor(flags: Mapping[str, Any], commands: Sequence[str], format_: str, begun: float) -> Exit:
    """Examine the set-up, and print the report. *begun* is when the command began, by ``time.monotonic``.

    Raises:
        UnknownCommandError: one of *commands* is unknown.
    """
    check_format(format_)
    for each in commands:
        if not is_known(each):
            raise UnknownCommandError(f"--for {each}: unknown; use one of {', '.join(known_commands())}")
    describe_emulators()  # removes the scheme from a variable that gRPC reads
    report = examine(flags, commands, begun, Clocks(time.monotonic, now_micros))
    seconds = time.monotonic() - begun
    if format_ == "table":
        _print_areas(report)
        _print_remedies(report)
        say(_summary(report, seconds))
    else:
        counts = {level.value: report.count(level) for level in Level}
        settings = [asdict(each) for each in report.settings]
        show("findings", _rows(report), format_, healthy=report.is_healthy, counts=counts, settings=settings)
    return Exit.DONE if report.is_healthy else Exit.FOUND


def _rows(report: Report) -> list[dict[str, str]]:
    return [{"area": each.area.value, **asdict(each.finding)} for each in report.checked]


def _print_areas(report: Report) -> None:
    for area in Area:
        sys.stdout.write(f"{area}\n")
        for line in _grouped([each.finding for each in report.checked if each.area is area]):
            _print_finding(line.level, _told(line))


def _told(finding: Finding) -> str:
    match finding.level:
        case Level.OK | Level.UNKNOWN:
            return f"{finding.subject}: {finding.what}"
        case Level.WARNING | Level.PROBLEM:
            return f"{finding.subject}: see below"
        case _:
            assert_never(finding.level)


def _print_remedies(report: Report) -> None:
    """Print warnings, then problems, so that the worst are the last lines on the screen."""
    if report.count(Level.WARNING) or report.count(Level.PROBLEM):
        sys.stdout.write("\n")
    for level in (Level.WARNING, Level.PROBLEM):
        for each in _grouped([each.finding for each in report.checked if each.finding.level is level]):
            _print_finding(level, f"{each.subject}: {each.what}")
            if each.remedy:
                _print_finding("", f"remedy: {each.remedy}")


def _grouped(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield one finding for all that differ only in their subject."""
    same: dict[tuple[Level, str, str], list[str]] = defaultdict(list)
    for each in findings:
        same[each.level, each.what, each.remedy].append(each.subject)
    for (level, what, remedy), subjects in same.items():
        yield Finding(level, _named(subjects), what, remedy)


def _named(subjects: Sequence[str]) -> str:
    more = len(subjects) - _MOST_NAMED
    named = ", ".join(subjects[:_MOST_NAMED])
    return f"{named} and {more:,} more" if more > 0 else named


def _print_finding(level: str, text: str) -> None:
    cells = room() - _COLUMN
    for place, line in enumerate(wrapped(safe(text), cells)):
        sys.stdout.write(f"  {level if place == 0 else '':<{_COLUMN - 2}}{line}\n")


def _summary(report: Report, seconds: float) -> str:
    counts = [counted(report.count(level), level.value) for level in (Level.PROBLEM, Level.WARNING)]
    others = f"{report.count(Level.UNKNOWN):,} not checked", f"{report.count(Level.OK):,} ok"
    return f"{', '.join((*counts, *others))}; {seconds:.1f} s"
