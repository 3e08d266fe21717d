"""This machine's clock, compared with BigQuery's."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from headrace.errors import Exit, HeadraceError
from headrace.schemas.envelope import from_micros


class ClockError(HeadraceError, RuntimeError, error_code="HR-507", exit_code=Exit.CONFIGURATION):
    """This machine's clock is wrong; the message says by how much. Nothing more was written."""


def boot_seconds() -> float:
    """Return the seconds of a clock that is never set and goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def clock_offset(before: int, after: int, now: datetime) -> timedelta:
    """Return by how much this machine's clock is ahead of a service's; negative if it is behind.

    The clock reads *before* and *after*, in microseconds, around a call whose answer has the service's time *now*. The
    time that the answer took does not count.
    """
    first, last = from_micros(before), from_micros(max(before, after))
    return max(first - now, timedelta(0)) or min(last - now, timedelta(0))


def check_clock(before: int, after: int, now: datetime, tolerance: timedelta) -> None:
    """Compare this machine's clock, in microseconds *before* and *after* a query, with BigQuery's *now* in its answer.

    Raises:
        ClockError: they differ by more than *tolerance*.
    """
    offset = clock_offset(before, after, now)
    if abs(offset) > tolerance:
        ahead = "ahead of" if offset > timedelta(0) else "behind"
        raise ClockError(
            f"the clock of this machine is {abs(offset).total_seconds():,.0f} s {ahead} BigQuery's; set it (NTP does), "
            "and start again. Nothing is written by it"
        )
