"""Backfills as Dataflow runs them, from the template's entry point, on the emulators: all or nothing, and once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from google.cloud import storage

from headrace.core.dead_letter import PREFIX
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.samples import SAMPLES
from tests.integration.test_backfill import ALL_BUT_WHO_AND_WHEN, DAY, SUBJECT, Place, flights, streamed
from tests.support.buckets import a_bucket, put
from tests.support.builders import BOOKING, FLIGHT, a_booking, a_flight
from tests.support.files import WRITERS, as_avro, as_csv
from tests.support.paths import ROOT

pytestmark = pytest.mark.emulators
SECRETS = {name: f"projects/p/secrets/{name}/versions/1" for name in ("masking", "sealing")}


@pytest.fixture
def bucket(tmp_path: Path, objects: Path) -> Iterator[storage.Bucket]:
    with a_bucket(tmp_path, objects) as bucket:
        yield bucket


@pytest.fixture
def place(project: str, tmp_path: Path) -> Place:
    return Place(project, tmp_path)


def load(
    place: Place,
    bucket: storage.Bucket,
    files: Sequence[str],
    crash_at: str = "",
    contracts: Path | None = None,
    **given: Any,
) -> tuple[int, str]:
    """Launch the template, as Dataflow's launcher does; its exit code and what it says."""
    parameters = {"subject": SUBJECT, "shards": 4, "dataset": place.service.settings.dataset} | given
    parameters |= {f"{name}_key_secret": secret for name, secret in SECRETS.items()}
    parameters |= {"runner": "FnApiRunner", "project": place.service.settings.project, "files": ",".join(files)}
    image = {"HEADRACE_CONTRACTS": str(contracts or SAMPLES)}
    flags = [f"--{name}={value}" for name, value in parameters.items()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.template_job", *flags, f"--temp_location=gs://{bucket.name}/temp"],
        cwd=ROOT,
        env=os.environ | {"MASKING_KEY_FILE": str(place.key), "CRASH_AT": crash_at} | image,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr


def reconciled(place: Place) -> bool:
    return "reconciled" in place.audit().output


def left_behind(place: Place, bucket: storage.Bucket) -> list[str]:
    """Tables and objects of loads that are still there."""
    tables = open_bigquery(place.service.settings.project).list_tables(place.service.names.loads)
    return [*(each.table_id for each in tables), *(each.name for each in bucket.list_blobs(prefix="temp/"))]


def test_what_streamed_in_is_not_written_again_and_the_rest_is(place: Place, bucket: storage.Bucket) -> None:
    events = flights(400)
    streamed(place.service, events[::2])
    place.service.run_until(acknowledged=200)
    files = [put(bucket, write(place.folder / f"part.{name}", FLIGHT, events)) for name, write in WRITERS.items()]

    code, output = load(place, bucket, files)
    assert code == 0, output
    assert len(place.rows()) == 400
    assert reconciled(place)
    assert left_behind(place, bucket) == []
    code, output = load(place, bucket, [f"gs://{bucket.name}/2026/part.*"])
    assert (code, len(place.rows()), reconciled(place)) == (0, 400, True), output


def test_rows_older_than_what_is_streamed_are_loaded_as_they_would_have_been(
    place: Place, bucket: storage.Bucket
) -> None:
    """Nested records, lists, decimals and masks go another way, through Parquet, with the same result."""
    times = [DAY + timedelta(seconds=number) for number in range(30)]
    bookings = [a_booking(created_at=at, booking_id=UUID(int=number)) for number, at in enumerate(times)]
    bookings[3] |= {"passengers": []}
    mapping = place.folder / "mapping.toml"
    mapping.write_text('identity = ["booking_id"]\nsource = "/archive"\n')
    file = as_avro(place.folder / "new.avro", BOOKING, bookings)
    appended = place.backfill(file, options=["--mapping", str(mapping)], subject="booking_created")
    assert (appended.code, appended.counts["written"]) == (0, 30), appended.output
    expected = place.service.rows("bookings", ALL_BUT_WHO_AND_WHEN)

    other = Place(f"{place.service.settings.project}-b", place.folder)
    code, output = load(other, bucket, [put(bucket, file)], subject="booking_created", mapping=put(bucket, mapping))
    assert code == 0, output
    by_id = lambda row: row["_event_id"]  # noqa: E731
    assert sorted(other.service.rows("bookings", ALL_BUT_WHO_AND_WHEN), key=by_id) == sorted(expected, key=by_id)


def test_events_older_than_what_streams_are_loaded(place: Place, bucket: storage.Bucket) -> None:
    kept_for_ever = json.loads(FLIGHT.json)
    del kept_for_ever["headrace"]["expire_after_days"]
    contracts = place.folder / "contracts"
    contracts.mkdir()
    (contracts / "flight_departed.v1.avsc").write_text(json.dumps(kept_for_ever))
    old = [a_flight(flight=number, scheduled_at=DAY - timedelta(days=2_000)) for number in range(20)]
    file = as_csv(place.folder / "old.csv", FLIGHT, old)
    refused = place.backfill(file, contracts=str(contracts))
    assert (refused.code, "BigQuery streams no rows into such partitions" in refused.output) == (3, True)
    code, output = load(place, bucket, [put(bucket, file)], contracts=contracts)
    assert code == 0, output
    assert len(place.rows()) == 20
    assert reconciled(place)


def test_bad_lines_and_conflicts_become_dead_letters(place: Place, bucket: storage.Bucket) -> None:
    events = flights(50)
    path = as_csv(place.folder / "day.csv", FLIGHT, [*events, {**events[7], "destination": "BOS"}, events[8]])
    path.write_text(path.read_text() + "no flight\n")
    code, output = load(place, bucket, [put(bucket, path)])
    assert code == 0, output
    letters = place.service.dead_letters(2)
    assert sorted(each.attributes[f"{PREFIX}reason"] for each in letters) == ["id_conflict", "invalid_line"]
    assert len(place.rows()) == 50
    assert reconciled(place)


@pytest.mark.parametrize("crash_at", ["staged", "written"])
def test_a_load_that_is_killed_is_completed_by_the_next_run(
    place: Place, bucket: storage.Bucket, crash_at: str
) -> None:
    files = [put(bucket, as_csv(place.folder / "day.csv", FLIGHT, flights(120)))]
    code, _ = load(place, bucket, files, crash_at=crash_at)
    assert code == -9
    assert len(place.rows()) == {"staged": 0, "written": 120}[crash_at]
    code, output = load(place, bucket, files)
    assert code == 0, output
    assert len(place.rows()) == 120
    assert reconciled(place)


def test_a_file_that_cannot_be_written_as_it_is_leaves_nothing(place: Place, bucket: storage.Bucket) -> None:
    good = put(bucket, as_csv(place.folder / "good.csv", FLIGHT, flights(50)))
    cut = put(bucket, WRITERS["avro"](place.folder / "cut.avro", FLIGHT, flights(50)))
    whole = bucket.blob("2026/cut.avro").download_as_bytes()
    bucket.blob("2026/cut.avro").upload_from_string(whole[:-40])
    code, output = load(place, bucket, [good, cut])
    assert (code, "cut.avro: cannot be read any further" in output) == (3, True), output
    assert place.rows() == []
    assert load(place, bucket, [f"gs://{bucket.name}/none-*.csv"])[0] == 3
