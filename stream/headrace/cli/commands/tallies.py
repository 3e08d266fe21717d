"""``headrace tallies compact``: print the lines to merge, and merge them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from headrace.audit.compaction import compact, plan_compaction
from headrace.config.settings import Settings
from headrace.runtime.google_clients import open_bigquery
from headrace.runtime.reachability import Service, reach
from headrace.schemas.envelope import from_micros
from headrace.util.output import check_format, say, show
from headrace.util.terminal_columns import counted


def compact_tallies(settings: Settings, now: int, age: timedelta, dry_run: bool, format_: str) -> None:
    """Merge the lines of days (UTC) that ended *age* before *now*, in microseconds since 1970."""
    check_format(format_)
    reach(Service.BIGQUERY)
    client = open_bigquery(settings.project)
    before = (from_micros(now) - age).replace(hour=0, minute=0, second=0, microsecond=0)
    planned = plan_compaction(settings.names, client, before)
    if planned and not dry_run:
        compact(settings.names, client, before)
    if planned or format_ != "table":
        show("subjects", [asdict(each) for each in planned], format_, dry_run=dry_run)
    lines, become = sum(each.lines for each in planned), sum(each.become for each in planned)
    if not planned:
        say(f"nothing to merge before {before:%Y-%m-%d}")
    elif dry_run:
        say(f"{counted(lines, 'line')} would become {become:,}; run without --dry-run to merge them")
    else:
        say(f"{counted(lines, 'line')} became {become:,}")
