"""Files of history on the emulators: the same rows as streaming, each once, through every failure."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import Exit
from headrace.schemas.identity import derive_event_id
from headrace.schemas.samples import SAMPLES
from tests.integration.test_service import a_message
from tests.support.builders import FLIGHT, a_flight
from tests.support.files import WRITERS, as_csv
from tests.support.jobs import COMMAND, a_key, a_running_job, wait_for
from tests.support.service import KEY, Service, a_service

pytestmark = pytest.mark.emulators
SUBJECT = "flight_departed"
DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=40)
ALL_BUT_WHO_AND_WHEN = "* EXCEPT (_ingested_at, _source)"


def flights(count: int) -> list[dict[str, Any]]:
    times = (DAY + timedelta(seconds=number) for number in range(count))
    return [a_flight(flight=number % 9_000, scheduled_at=at, departed_at=None) for number, at in enumerate(times)]


def streamed(service: Service, events: Sequence[dict[str, Any]]) -> None:
    """Publish events as producers do, with the id of their identity."""
    service.publish(SUBJECT, [a_message(FLIGHT, each, str(derive_event_id(FLIGHT, each))) for each in events])


@dataclass
class Done:
    code: int
    counts: dict[str, Any]
    output: str


class Place:
    """A project, and a folder with files, key and journals."""

    def __init__(self, project: str, folder: Path) -> None:
        self.service = a_service(project)
        self.folder = folder
        self.key = a_key(folder)
        assert self.key.read_bytes() == KEY

    def backfill(
        self,
        *files: Path | str,
        options: Sequence[str] = (),
        crash_at: str = "",
        subject: str = SUBJECT,
        **settings: str,
    ) -> Done:
        """``headrace backfill`` as a process of its own."""
        settings = {"contracts": str(SAMPLES), **settings}
        variables = {f"HEADRACE_{name.upper()}": value for name, value in settings.items()}
        if crash_at:
            variables["HEADRACE_CRASH_AT"] = crash_at
        command = [*COMMAND, "backfill", subject, *map(str, files), "--json", *options]
        command += ["--project", self.service.settings.project, "--masking-key-file", str(self.key)]
        done = subprocess.run(
            [*command, "--journal", str(self.folder / "backfill" / subject)],
            cwd=self.folder,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )
        counts = json.loads(done.stdout)["backfill"][0] if done.stdout else {}
        return Done(done.returncode, counts, done.stderr)

    def audit(self, grace: str = "0s") -> Done:
        command = [*COMMAND, "audit", "--project", self.service.settings.project, "--contents", "--grace", grace]
        command += ["--contracts", str(SAMPLES)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60)
        return Done(done.returncode, {}, done.stderr)

    def rows(self, columns: str = ALL_BUT_WHO_AND_WHEN) -> list[dict[str, Any]]:
        return sorted(self.service.rows("flights", columns), key=lambda row: row["_event_id"])


@pytest.fixture
def place(project: str, tmp_path: Path) -> Place:
    return Place(project, tmp_path)


def test_a_run_that_its_file_ends_gives_the_subject_back_at_once(project: str, tmp_path: Path) -> None:
    place = Place(project, tmp_path)
    streamed(place.service, flights(1))
    old = datetime.now(UTC) - timedelta(days=20 * 365)
    file = as_csv(tmp_path / "old.csv", FLIGHT, [a_flight(scheduled_at=old, departed_at=None)])
    refused = place.backfill(file, lease_seconds="3600")
    assert refused.code == Exit.CONFIGURATION, refused.output
    assert "leave it out" in refused.output or "older" in refused.output
    place.service.run_until(acknowledged=1)  # with another journal


def test_every_format_gives_the_rows_that_streaming_gives_and_each_only_once(place: Place) -> None:
    events = flights(300)
    files = [write(place.folder / f"flights.{name}", FLIGHT, events) for name, write in WRITERS.items()]
    first = place.backfill(files[0])
    assert (first.code, first.counts["written"]) == (0, 300), first.output
    written = place.rows()
    for path in files[1:]:
        done = place.backfill(path)
        assert (done.code, done.counts["lines"], done.counts["written"]) == (0, 300, 0), done.output
        assert done.counts["duplicates"] == 300
    assert place.rows() == written
    assert {row["_source"] for row in place.rows("_event_id, _source")} == {"/backfill/flights.csv"}

    other = a_service(f"{place.service.settings.project}-b")
    streamed(other, events)
    other.run_until(acknowledged=300)
    assert sorted(other.rows("flights", ALL_BUT_WHO_AND_WHEN), key=lambda row: row["_event_id"]) == written
    assert "reconciled" in place.audit().output


def test_a_day_that_was_partly_streamed_is_completed_and_what_streams_in_later_is_found(place: Place) -> None:
    events = flights(400)
    streamed(place.service, events[::2])
    place.service.run_until(acknowledged=200)
    streamed(place.service, events[:100])  # waits in Pub/Sub while the files are written

    path = as_csv(place.folder / "day.csv", FLIGHT, events)
    done = place.backfill(path)
    assert (done.code, done.counts["written"], done.counts["duplicates"]) == (0, 200, 200), done.output
    place.service.run_until(acknowledged=100)

    assert len(place.rows()) == 400 == len({row["_event_id"] for row in place.rows()})
    audit = place.audit()
    assert audit.code == 0, audit.output


@pytest.mark.timeout(600)
def test_killed_at_every_turn_it_goes_on_where_it_was(place: Place) -> None:
    events = flights(2_000)
    head, *lines = as_csv(place.folder / "day.csv", FLIGHT, events).read_text().splitlines(keepends=True)
    path = place.folder / "day.csv"
    path.write_text(head + "".join(lines[:1_000]) + "no flight\n" + "".join(lines[1_000:]))
    for plan in ("committed:2", "append_sent:3", "outcome_committed:2", "acknowledged:1", "letters_published:1"):
        killed = place.backfill(path, crash_at=plan, round_messages="250")
        assert killed.code == -9, killed.output
    last = place.backfill(path, round_messages="250")
    assert last.code == Exit.FOUND, last.output
    assert last.counts["settled_before"] > 0
    again = place.backfill(path, round_messages="250")
    assert (again.code, again.counts["lines"], again.counts["written"]) == (0, 0, 0), again.output

    rows = place.rows("_event_id")
    assert {row["_event_id"] for row in rows} == {derive_event_id(FLIGHT, each) for each in events}
    print(f"5 kills: {len(rows):,} rows of {len(events):,} events")
    assert len(rows) == len(events)
    audit = place.audit()
    assert audit.code == 0, audit.output


def test_without_its_journal_it_writes_nothing_again_either(place: Place) -> None:
    path = as_csv(place.folder / "day.csv", FLIGHT, flights(200))
    assert place.backfill(path).counts["written"] == 200
    (place.folder / "backfill").rename(place.folder / "away")
    done = place.backfill(path)
    assert (done.code, done.counts["written"], done.counts["duplicates"]) == (0, 0, 200), done.output


def test_bad_lines_become_dead_letters_with_file_and_line_and_their_neighbours_are_written(place: Place) -> None:
    events = flights(20)
    head, *lines = as_csv(place.folder / "day.csv", FLIGHT, events).read_text().splitlines(keepends=True)
    path = place.folder / "day.csv"
    path.write_text(head + "".join(lines[:10]) + "UA,x\n" + "".join(lines[10:]))
    assert place.backfill(path, options=["--dry-run"]).counts == {
        "subject": SUBJECT,
        "lines": 21,
        "events": 20,
        "dropped": 0,
        "invalid_line": 1,
        "in_the_future": 0,
        "transform_failed": 0,
        "rule_broken": 0,
    }
    assert place.rows() == []
    done = place.backfill(path)
    assert (done.code, done.counts["written"], done.counts["dead_lettered"]) == (Exit.FOUND, 20, 1), done.output
    (letter,) = place.service.dead_letters(1)
    assert letter.data == b"UA,x\n"
    assert letter.attributes["headrace-dl-reason"] == "invalid_line"
    assert (letter.attributes["backfill-file"], letter.attributes["backfill-line"]) == ("day.csv", "12")
    assert place.audit().code == 0


def test_a_file_that_is_wrong_as_a_whole_is_not_poured_into_the_dead_letters(place: Place) -> None:
    path = as_csv(place.folder / "day.csv", FLIGHT, flights(2_000))
    path.write_text(path.read_text().replace("False", "no"))
    done = place.backfill(path)
    assert done.code == Exit.CONFIGURATION
    assert "each of its first 1,000 lines is refused, and for one reason: day.csv, line 2: cancelled: " in done.output
    assert place.rows() == []
    (place.folder / "backfill").rename(place.folder / "away")  # what comes next is another engine
    other = place.backfill(as_csv(place.folder / "other.csv", FLIGHT, flights(20)))
    assert (other.code, other.counts["written"]) == (0, 20), f"its claim was given back at once; {other.output}"


def test_it_is_kept_away_while_an_engine_reads_the_subject(place: Place) -> None:
    path = as_csv(place.folder / "day.csv", FLIGHT, flights(20))
    with a_running_job(place.service.settings.project, place.key) as job:
        wait_for(lambda: any(row["serving"] for row in place.service.rows("headrace_engines", "serving")))
        done = place.backfill(path)
        assert job.poll() is None
    assert done.code == Exit.CONFIGURATION
    assert "reads these subscriptions" in done.output
    assert place.rows() == []


def test_a_dry_run_judges_as_a_run_does_whenever_the_file_was_written(place: Place) -> None:
    ahead = a_flight(scheduled_at=datetime.now(UTC) + timedelta(days=2), departed_at=None)
    path = as_csv(place.folder / "day.csv", FLIGHT, [*flights(20), ahead])
    path.write_text(path.read_text() + "UA,x\n")
    os.utime(path, (315_532_800, 315_532_800))  # 1980
    dry = place.backfill(path, options=["--dry-run"])
    assert (dry.code, dry.counts["events"], dry.counts["in_the_future"]) == (Exit.FOUND, 20, 1), dry.output
    done = place.backfill(path)
    assert (done.code, done.counts["written"], done.counts["dead_lettered"]) == (Exit.FOUND, 20, 2), done.output
    reasons = [each.attributes["headrace-dl-reason"] for each in place.service.dead_letters(2)]
    assert sorted(reasons) == ["in_the_future", "invalid_line"]
    assert place.audit().code == 0
