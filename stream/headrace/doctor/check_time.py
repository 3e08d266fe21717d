"""The clock of this machine, compared with BigQuery's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from google.cloud import bigquery

from headrace.bigquery.query_once import service_time
from headrace.doctor.findings import Finding, Level, ok
from headrace.engine.clock_check import clock_offset
from headrace.schemas.envelope import from_micros

NOTICEABLE: Final = timedelta(seconds=1)
_SET_CLOCK: Final = "set the clock, and keep it right with NTP"


def look_at_clock(client: bigquery.Client, now: Callable[[], int], lease: timedelta) -> Iterator[Finding]:
    """Ask BigQuery for its time, and yield a finding. *now* returns this machine's time in microseconds."""
    before, theirs = now(), service_time(client)
    yield judge_clock(clock_offset(before, now(), from_micros(theirs)), lease)


def judge_clock(offset: timedelta, lease: timedelta) -> Finding:
    """Return a finding about a clock that is ahead of BigQuery's by *offset*, or behind if that is negative."""
    subject, off = "clock", abs(offset)
    if off <= NOTICEABLE:
        return ok(subject, "as BigQuery's, within a second")
    side = "ahead of" if offset > timedelta(0) else "behind"
    what = f"{off.total_seconds():,.0f} s {side} BigQuery's"
    if off > lease:
        return Finding(Level.PROBLEM, subject, f"{what}: `headrace run` ends with such a clock", _SET_CLOCK)
    return Finding(Level.WARNING, subject, what, _SET_CLOCK)
