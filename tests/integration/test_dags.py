"""The DAGs, run by Airflow itself on the emulators: days arrive, one file is bad, and the rerun repairs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace.core.resource_names import TALLIES, Names
from headrace.dev.emulators import Emulators
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.samples import SAMPLES
from tests.support.buckets import VARIABLE, a_bucket
from tests.support.builders import FLIGHT, a_flight
from tests.support.files import as_csv
from tests.support.jobs import COMMAND, a_key
from tests.support.paths import ROOT

pytestmark = [pytest.mark.emulators, pytest.mark.airflow, pytest.mark.timeout(600)]
DAGS = ROOT / "dags"
PYTHON = DAGS / ".venv" / "bin" / "python"
PROJECT = "test-of-dags"
NAMES = Names(PROJECT)
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAYS = [MIDNIGHT - timedelta(days=days) for days in (40, 39, 38)]
FLIGHTS = 48
BACKFILL, NIGHTLY, PUBLISH = "headrace_backfill_flight_departed", "headrace_nightly", "headrace_schema_publish"

SETTINGS = f"""
project = "{PROJECT}"
region = "europe-west1"
retries = 0
[notify]
to = ["data@example.com"]
[nightly]
since = "90d"
older_than = "2d"
complete_within = "1h"
[dataflow]
template = "gs://templates/backfill.json"
service_account = "backfill@{PROJECT}.iam.gserviceaccount.com"
temp_location = "gs://files/temp"
[dataflow.parameters]
masking_key_secret = "projects/p/secrets/masking/versions/1"
sealing_key_secret = "projects/p/secrets/sealing/versions/1"
[[backfill]]
subject = "flight_departed"
table = "flights"
bucket = "files"
file = "flights/{{day}}.csv"
start = {DAYS[0]:%Y-%m-%d}
least_rows = {FLIGHTS}
newest_within = "6h"
"""


@dataclass
class Driven:
    """What became of the runs, in order."""

    published: dict[str, Any]
    first: dict[str, Any]
    bad: dict[str, Any]
    third: dict[str, Any]
    half_mended: dict[str, Any]
    repaired: dict[str, Any]
    night: dict[str, Any]
    next_night: dict[str, Any]
    after_a_row_vanished: dict[str, Any]
    lines: dict[str, int]


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of an Airflow of its own."""
    if not PYTHON.exists():
        pytest.skip("run `make dags`: Airflow has an environment of its own")
    home = tmp_path_factory.mktemp("airflow")
    (home / "settings.toml").write_text(SETTINGS)
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps({"conn_type": "google_cloud_platform"}),
        "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps({"conn_type": "smtp", "extra": {"from_email": "airflow@example.com"}}),
        "HEADRACE_DAGS_SETTINGS": str(home / "settings.toml"),
    }


def a_day(folder: Path, day: datetime) -> Path:
    times = [day + timedelta(minutes=30 * number) for number in range(FLIGHTS)]
    events = [a_flight(flight=number, scheduled_at=at, departed_at=None) for number, at in enumerate(times)]
    return as_csv(folder / f"{day:%Y-%m-%d}.csv", FLIGHT, events)


def run_of(dag: str, day: datetime, **more: Any) -> dict[str, Any]:
    return {"dag": dag, "day": f"{day:%Y-%m-%d}", **more}


@pytest.fixture(scope="module")
def driven(
    emulators: Emulators, airflow: dict[str, str], objects: Path, tmp_path_factory: pytest.TempPathFactory
) -> Driven:
    place = tmp_path_factory.mktemp("cloud")
    arriving, repaired = place / "arriving" / "files" / "flights", place / "repaired"
    arriving.mkdir(parents=True)
    repaired.mkdir()
    for day in DAYS:
        a_day(arriving, day)
    good = a_day(repaired, DAYS[1])
    bad = arriving / good.name
    bad.write_text(bad.read_text().replace("carrier", "airline", 1))
    half = repaired / "half.csv"
    half.write_text(good.read_text() + "no flight\n")
    there = str(place / "buckets" / "files" / "flights" / good.name)

    tallies = NAMES.sql(TALLIES)
    aged = f"UPDATE {tallies} SET tallied_at = TIMESTAMP_SUB(tallied_at, INTERVAL 10 DAY) WHERE tallied_at IS NOT NULL"
    lost = f"DELETE FROM {NAMES.sql('flights')} WHERE _event_time = TIMESTAMP '{DAYS[0]:%Y-%m-%d %H:%M:%S}'"
    runs = [
        run_of(PUBLISH, MIDNIGHT),
        run_of(BACKFILL, DAYS[0]),
        run_of(BACKFILL, DAYS[1]),
        run_of(BACKFILL, DAYS[2]),
        run_of(BACKFILL, DAYS[1], copy={str(half): there}),
        run_of(BACKFILL, DAYS[1], copy={str(good): there}),
        run_of(NIGHTLY, MIDNIGHT - timedelta(days=3), sql=[aged]),
        run_of(NIGHTLY, MIDNIGHT - timedelta(days=2)),
        run_of(NIGHTLY, MIDNIGHT - timedelta(days=1), sql=[lost]),
    ]
    given = {
        "folder": str(DAGS),
        "buckets": str(place / "buckets"),
        "arriving": str(place / "arriving"),
        "command": COMMAND,
        "template": [sys.executable, "-m", "tests.support.template_job"],
        "runs": runs,
    }
    with a_bucket(place, objects) as bucket:
        bucket.client.create_bucket("files")
        storage = {VARIABLE: os.environ[VARIABLE], "MASKING_KEY_FILE": str(a_key(place)), "PYTHONPATH": str(ROOT)}
        storage["HEADRACE_CONTRACTS"] = str(SAMPLES)  # as the image has its own
        done = subprocess.run(
            [str(PYTHON), str(DAGS / "tests" / "drive.py")],
            input=json.dumps(given),
            env={**airflow, **emulators.environment, **storage},
            capture_output=True,
            text=True,
            timeout=500,
        )
    (place / "log").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr[-4000:]
    query = f"SELECT COUNT(*) AS count, COUNTIF(outcome = 'written') AS written FROM {tallies}"
    (lines,) = open_bigquery(PROJECT).query_and_wait(query)
    parts = [*json.loads(done.stdout.splitlines()[-1]), dict(lines.items())]
    return Driven(*parts)


def rows_by_day() -> dict[str, int]:
    query = (
        f"SELECT CAST(DATE(_event_time) AS STRING) AS day, COUNT(*) AS count FROM {NAMES.sql('flights')} GROUP BY day"
    )
    return {row["day"]: row["count"] for row in open_bigquery(PROJECT).query_and_wait(query)}


def failed(run: dict[str, Any]) -> set[str]:
    return {name for name, state in run["tasks"].items() if state == "failed"}


def test_they_parse_without_an_error_or_a_warning_and_every_wait_is_deferred(airflow: dict[str, str]) -> None:
    command = [str(PYTHON), str(DAGS / "tests" / "parse.py"), str(DAGS)]
    parsed = json.loads(subprocess.run(command, env=airflow, capture_output=True, text=True, check=True).stdout)

    assert (parsed["errors"], parsed["warnings"]) == ({}, {})
    assert set(parsed["dags"]) == {BACKFILL, NIGHTLY, PUBLISH}
    assert parsed["deferrable"]


def test_publishing_the_contracts_makes_what_they_need(driven: Driven) -> None:
    assert driven.published["state"] == "success"
    assert driven.published["tasks"] == {"planned": "success", "published": "success"}


def test_a_day_whose_file_arrives_while_it_is_waited_for_is_loaded_and_checked(driven: Driven) -> None:
    assert driven.first["state"] == driven.third["state"] == "success"
    assert set(driven.first["tasks"].values()) == {"success"}
    assert driven.first["waited_for"] == [f"flights/{DAYS[0]:%Y-%m-%d}.csv"]
    assert driven.first["mails"] == [f"data@example.com: {BACKFILL} succeeded: {driven.first['run_id']}"]


def test_a_bad_file_fails_its_day_visibly_and_no_other(driven: Driven) -> None:
    assert (driven.bad["state"], failed(driven.bad)) == ("failed", {"loaded"})
    checks = {name: driven.bad["tasks"][name] for name in ("audited", "nothing_refused", "fresh")}
    assert set(checks.values()) == {"upstream_failed"}
    assert driven.bad["mails"] == [f"data@example.com: {BACKFILL} failed: {driven.bad['run_id']}"]


def test_a_line_that_was_refused_fails_the_day_although_the_rest_is_there(driven: Driven) -> None:
    assert (driven.half_mended["state"], failed(driven.half_mended)) == ("failed", {"nothing_refused"})


def test_the_rerun_repairs_the_day_and_each_row_is_stored_once(driven: Driven) -> None:
    assert (driven.repaired["state"], failed(driven.repaired)) == ("success", set())
    rows = rows_by_day()
    rows[f"{DAYS[0]:%Y-%m-%d}"] += 1  # the one that is deleted afterwards, for the audit to find
    assert rows == {f"{day:%Y-%m-%d}": FLIGHTS for day in DAYS}


def test_the_night_audits_compacts_and_the_next_night_finds_the_same_sums(driven: Driven) -> None:
    assert driven.night["state"] == driven.next_night["state"] == "success"
    assert set(driven.night["tasks"]) == {"audited", "compacted", "complete"}
    assert driven.lines["written"] == 1


def test_a_row_that_vanished_fails_the_night_and_nothing_is_compacted(driven: Driven) -> None:
    assert (driven.after_a_row_vanished["state"], failed(driven.after_a_row_vanished)) == ("failed", {"audited"})
    assert driven.after_a_row_vanished["tasks"]["compacted"] == "upstream_failed"
