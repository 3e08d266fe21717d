"""Tests at other moments: month and year end, 29 February, days on which clocks are set, other zones and locales.

    python -m tests.moments [--draw | --all | NAME ...] [-- arguments for pytest]

libfaketime shows another clock to the tests and to the processes that they start. Without it (Debian: ``faketime``)
only zone and locale are set, with a notice. ``--draw`` takes one of the moments by ``HEADRACE_MOMENT_SEED``, or by
chance, and prints how to repeat it. Tests on emulators are left out: emulators keep the machine's own clock.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

SEED: Final = "HEADRACE_MOMENT_SEED"
LIBRARY: Final = "faketime/libfaketimeMT.so.1"
# What looks at the clock, at dates or at texts of a locale; the whole unit suite would double the time of a run.
SELECTION: Final = (
    "tests/audit/test_audit.py",
    "tests/backfill/test_backfill.py",
    "tests/backfill/test_exports.py",
    "tests/planning/test_cost.py",
    "tests/dev/test_demo_events.py",
    "tests/steps/decode/test_envelopes.py",
    "tests/steps/test_circuit_breaker.py",
    "tests/dead_letters/test_explain.py",
    "tests/dead_letters/test_edit_event.py",
    "tests/steps/mask/test_masks.py",
    "tests/producers/test_producer.py",
    "tests/cli/test_provision_command.py",
    "tests/cli/test_publish.py",
    "tests/planning/test_capacity.py",
    "tests/schemas/test_envelope.py",
    "tests/schemas/test_from_json.py",
    "tests/config/test_settings.py",
    "tests/repository/test_transcripts.py",
    "tests/steps/test_window.py",
)


@dataclass(frozen=True, slots=True)
class Moment:
    """When and where tests run: a moment in UTC, a time zone and a locale."""

    at: datetime
    zone: str = "UTC"
    locale: str = "C.UTF-8"


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


MOMENTS: Final[Mapping[str, Moment]] = {
    "month-end": Moment(_utc(2027, 4, 30, 23, 30)),
    "month-begin": Moment(_utc(2027, 5, 1, 0, 0, 30)),
    "year-end": Moment(_utc(2026, 12, 31, 23, 58)),
    "year-begin": Moment(_utc(2027, 1, 1, 0, 0, 30)),
    "leap-day": Moment(_utc(2028, 2, 29, 12, 0)),
    "before-midnight": Moment(_utc(2026, 11, 20, 23, 58)),
    "clocks-forward-new-york": Moment(_utc(2027, 3, 14, 6, 59), "America/New_York"),
    "clocks-back-new-york": Moment(_utc(2027, 11, 7, 4, 59), "America/New_York"),
    "clocks-forward-berlin": Moment(_utc(2027, 3, 28, 0, 59), "Europe/Berlin"),
    "clocks-back-berlin": Moment(_utc(2027, 10, 30, 23, 59), "Europe/Berlin"),
    "far-from-utc": Moment(_utc(2027, 1, 15, 11, 0), "Pacific/Kiritimati"),
    "turkish": Moment(_utc(2027, 6, 15, 12, 0), "Europe/Istanbul", "tr_TR.UTF-8"),
}


def environment(moment: Moment, library: Path | None) -> dict[str, str]:
    """The variables that show *moment* to a process."""
    shown = {"TZ": moment.zone, "LC_ALL": moment.locale, "LANG": moment.locale}
    if library is None:
        return shown
    local = moment.at.astimezone(ZoneInfo(moment.zone))
    return shown | {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"@{local:%Y-%m-%d %H:%M:%S}",  # the clock goes on from there
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # waits are as long as they are
        "FAKETIME_DONT_RESET": "1",  # a child process goes on from its parent's time
        "NO_FAKE_STAT": "1",  # files are as old as they are
    }


def drawn(seed: str) -> str:
    """The name of the moment that *seed* draws."""
    return random.Random(seed).choice(sorted(MOMENTS))


def find_library() -> Path | None:
    """Find libfaketime; None where it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob(f"**/{LIBRARY}"))), None)


def main(arguments: Sequence[str]) -> int:
    """Run pytest at the moments that are asked for; the number of moments at which it failed."""
    asked, _, given = (" ".join(arguments)).partition("-- ")
    names = _named(asked.split())
    library = find_library()
    if library is None:
        _say("notice: libfaketime is not installed (Debian: faketime): only zone and locale are set, not the clock")
    failed = [name for name in names if not _run(name, library, given.split() or ["-q", *SELECTION])]
    _say(
        f"{len(names) - len(failed)} of {len(names)} moments passed" + (f"; not {', '.join(failed)}" if failed else "")
    )
    return len(failed)


def _named(asked: Sequence[str]) -> Sequence[str]:
    if "--draw" in asked:
        seed = os.environ.get(SEED) or str(random.SystemRandom().randrange(10**6))
        _say(f"drawn by {SEED}={seed}")
        return [drawn(seed)]
    names = [each for each in asked if each != "--all"] or sorted(MOMENTS)
    if unknown := sorted(set(names) - MOMENTS.keys()):
        raise SystemExit(f"no such moment: {', '.join(unknown)}; there are {', '.join(MOMENTS)}")
    return names


def _run(name: str, library: Path | None, arguments: Sequence[str]) -> bool:
    moment = MOMENTS[name]
    _say(f"{name}: {moment.at:%Y-%m-%d %H:%M} UTC, {moment.zone}, {moment.locale}")
    command = [sys.executable, "-m", "pytest", "-m", "not emulators", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, env={**os.environ, **environment(moment, library)}, check=False).returncode == 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
