"""A whole day replaced by a file, on the emulators: that day alone, in one step, and the audit still reconciles."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from headrace.errors import Exit
from headrace.schemas.identity import derive_event_id
from tests.integration.test_backfill import ALL_BUT_WHO_AND_WHEN, DAY, SUBJECT, Done, Place, flights, streamed
from tests.support.builders import BOOKING, FLIGHT, a_booking, a_flight
from tests.support.files import as_avro, as_csv

pytestmark = pytest.mark.emulators
NEXT_DAY = [a_flight(flight=number, scheduled_at=DAY + timedelta(days=1, seconds=number)) for number in range(50)]


@pytest.fixture
def place(project: str, tmp_path: Path) -> Place:
    return Place(project, tmp_path)


def replaced(place: Place, path: Path, crash_at: str = "", options: Sequence[str] = (), subject: str = SUBJECT) -> Done:
    given = ["--replace-partition", f"{DAY:%Y-%m-%d}", *options]
    return place.backfill(path, options=given, crash_at=crash_at, subject=subject)


def ids(events: Sequence[dict[str, Any]]) -> list[str]:
    return sorted(str(derive_event_id(FLIGHT, each)) for each in events)


def test_a_replaced_day_matches_the_file_despite_kills_and_no_other_day_changes(place: Place) -> None:
    before = flights(120)
    streamed(place.service, [*before, *NEXT_DAY])
    place.service.run_until(acknowledged=170)
    others = [row for row in place.rows("*") if row["_event_time"] >= DAY + timedelta(days=1)]
    after = [*({**each, "destination": "BOS"} for each in before[20:60]), *flights(200)[120:]]
    path = as_csv(place.folder / "day.csv", FLIGHT, [*after, after[0]])

    for crash_at in ("day_spooled:1", "day_swapped:1", "committed:1"):
        killed = replaced(place, path, crash_at)
        assert killed.code == -9, killed.output
    done = replaced(place, path)
    assert done.code == 0, done.output
    rows = place.rows("*")
    assert [row for row in rows if row["_event_time"] >= DAY + timedelta(days=1)] == others
    day = [row for row in rows if row["_event_time"] < DAY + timedelta(days=1)]
    assert [row["_event_id"] for row in day] == ids(after)
    assert sum(row["destination"] == "BOS" for row in day) == 40
    audit = place.audit()
    assert (audit.code, "reconciled" in audit.output) == (0, True), audit.output
    again = replaced(place, path)
    assert (again.code, again.counts["written"], again.counts["replaced_before"]) == (0, 0, True), again.output


def test_a_day_replaced_by_fewer_rows_reconciles_at_once(place: Place) -> None:
    before = flights(120)
    streamed(place.service, before)
    place.service.run_until(acknowledged=120)
    began = time.monotonic()
    done = replaced(place, as_csv(place.folder / "day.csv", FLIGHT, before[:30]))
    assert done.code == 0, done.output
    audit = place.audit(f"{time.monotonic() - began:.0f}s")  # of what was tallied by the replacement alone
    assert (audit.code, "reconciled" in audit.output) == (0, True), audit.output


def test_lists_records_and_decimals_of_a_day_are_those_that_are_appended(place: Place) -> None:
    """Rows go another way, through a file of Parquet: the table must not show a difference."""
    times = [DAY + timedelta(seconds=number) for number in range(20)]
    bookings = [a_booking(created_at=at, booking_id=UUID(int=number)) for number, at in enumerate(times)]
    bookings[3] |= {"passengers": []}
    file, mapping = as_avro(place.folder / "day.avro", BOOKING, bookings), place.folder / "mapping.toml"
    mapping.write_text('identity = ["booking_id"]\n')
    options, subject = ["--mapping", str(mapping)], "booking_created"

    done = place.backfill(file, options=options, subject=subject)
    assert (done.code, done.counts["written"]) == (0, 20), done.output
    appended = sorted(place.service.rows("bookings", ALL_BUT_WHO_AND_WHEN), key=lambda row: row["_event_id"])
    done = replaced(place, file, options=options, subject=subject)
    assert (done.code, done.counts["written"]) == (0, 20), done.output
    loaded = sorted(place.service.rows("bookings", ALL_BUT_WHO_AND_WHEN), key=lambda row: row["_event_id"])
    assert loaded == appended
    audit = place.audit()
    assert audit.code == 0, audit.output


def test_what_is_no_event_of_that_day_is_refused_before_anything_is_written(place: Place) -> None:
    path = place.folder / "day.csv"
    as_csv(path, FLIGHT, [*flights(10), NEXT_DAY[0]])
    done = replaced(place, path)
    assert done.code == Exit.CONFIGURATION
    assert f"day.csv, line 12: an event of {DAY + timedelta(days=1):%Y-%m-%d} (UTC), and {DAY:%Y-%m-%d}" in done.output
    as_csv(path, FLIGHT, flights(10))
    path.write_text(path.read_text() + "no flight\n")
    done = replaced(place, path, options=["--dry-run"])
    assert done.code == Exit.CONFIGURATION
    assert "day.csv, line 12: " in done.output
    assert place.rows() == []
