"""A journal that is lost, and engines with different journals on the same subscriptions."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headrace.bigquery.append_result import HaltError
from headrace.config.settings import Settings
from headrace.core.dead_letter import PREFIX
from headrace.engine.clock_check import ClockError
from headrace.runtime.clock import now_micros
from headrace.schemas.samples import SAMPLES
from tests.integration.test_service import flight_message
from tests.support.jobs import COMMAND, a_key, a_running_job
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators


def with_journal(service: Service, journal: Path) -> Service:
    return Service(service.registry, Settings(project=service.settings.project, journal=journal))


def test_without_its_journal_the_engine_asks_the_table_what_it_has_written(project: str, tmp_path: Path) -> None:
    #  |200 written|journal lost|the same 200 again, and another flight under an id of theirs, of the same moment|
    service = a_service(project)
    messages = [flight_message(f"flight-{number}", flight=number) for number in range(200)]
    moment = messages[7][1]["ce-time"]
    service.publish("flight_departed", messages)
    service.run_until(acknowledged=200)

    other = flight_message("flight-7", flight=9999)
    assert other[1]["ce-time"] >= moment
    service.publish("flight_departed", [*messages, other])
    with_journal(service, tmp_path / "new").run_until(acknowledged=201)

    rows = service.rows("flights", "flight")
    assert sorted(row["flight"] for row in rows) == list(range(200))
    (letter,) = service.dead_letters(1)
    assert letter.attributes[f"{PREFIX}reason"] == "id_conflict"


@pytest.mark.parametrize("behind", [timedelta(minutes=59), timedelta(0)], ids=["slow", "right"])
def test_an_engine_without_its_journal_writes_nothing_twice_regardless_of_its_clock(
    project: str, tmp_path: Path, behind: timedelta
) -> None:
    #  |100 written|journal lost|the same 100 again, by a clock that may be slow|
    service = a_service(project)
    messages = [flight_message(f"flight-{number}", flight=number) for number in range(100)]
    service.publish("flight_departed", messages)
    service.run_until(acknowledged=100)

    service.publish("flight_departed", messages)
    settings = Settings(project=project, journal=tmp_path / "new", lease_seconds=3600)
    slow = Service(service.registry, settings, lambda: now_micros() - behind // timedelta(microseconds=1))
    slow.run_until(acknowledged=100)

    assert sorted(row["flight"] for row in service.rows("flights", "flight")) == list(range(100))


def test_a_journal_restored_from_an_older_copy_halts_before_anything_is_written(project: str, tmp_path: Path) -> None:
    #  |100 written, end|copy|100 more, end|the copy put back, the second 100 published again|
    journal, copy = tmp_path / "journal", tmp_path / "copy"
    service = with_journal(a_service(project), journal)
    messages = [flight_message(f"flight-{number}", flight=number) for number in range(200)]
    service.publish("flight_departed", messages[:100])
    service.run_until(acknowledged=100)
    shutil.copytree(journal, copy)
    service.publish("flight_departed", messages[100:])
    service.run_until(acknowledged=100)
    shutil.rmtree(journal)
    shutil.copytree(copy, journal)

    service.publish("flight_departed", messages[100:])
    with pytest.raises(HaltError, match="the journal is an old copy"):
        service.run_until(acknowledged=100)
    assert sorted(row["flight"] for row in service.rows("flights", "flight")) == list(range(200))

    with_journal(service, tmp_path / "new").run_until(acknowledged=100)  # as docs/promises.md says
    assert sorted(row["flight"] for row in service.rows("flights", "flight")) == list(range(200))


def test_an_engine_whose_clock_is_wrong_says_so_and_writes_nothing(project: str, tmp_path: Path) -> None:
    service = a_service(project)
    service.publish("flight_departed", [flight_message("flight-1")])
    service.clock = lambda: now_micros() - timedelta(days=3) // timedelta(microseconds=1)
    with pytest.raises(ClockError, match=r"2\d\d,\d\d\d s behind BigQuery's"):
        service.run_until(acknowledged=1)
    assert service.rows("flights", "flight") == service.rows("headrace_engines", "engine") == []
    assert service.waiting("flight_departed") == 1


def test_statements_that_no_longer_count_are_deleted_and_the_others_stay(project: str) -> None:
    service = a_service(project)
    service.publish("flight_departed", [flight_message("flight-1")])
    engine = service.run_until(acknowledged=1)
    stated = service.rows("headrace_engines", "engine, number, stated_at")
    last = max(row["stated_at"] for row in stated)
    claims = engine._claim_keeper._claims
    claims.forget(["another"], last)
    assert len(service.rows("headrace_engines", "number")) == len(stated)
    claims.forget([stated[0]["engine"]], last)
    assert [row["stated_at"] for row in service.rows("headrace_engines", "stated_at")] == [last]
    look = claims.look()
    assert look.own is not None
    assert list(look.own.numbers.values()) == [len(stated)]
    assert abs((look.now - datetime.now(UTC)).total_seconds()) < 60, "BigQuery's time, in UTC"


def test_an_engine_with_another_journal_is_refused_with_the_process_that_serves(project: str, tmp_path: Path) -> None:
    a_service(project)
    key = a_key(tmp_path)
    with a_running_job(project, key) as job:
        second = subprocess.run(
            [*COMMAND, "run", "--project", project, "--masking-key-file", str(key), "--journal", str(tmp_path / "two")],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "HEADRACE_CONTRACTS": str(SAMPLES)},
        )
        assert job.poll() is None, "the first goes on"
    assert second.returncode == 3
    assert f"process {job.pid}" in second.stderr
    assert "stop it" in second.stderr


def test_an_engine_on_the_same_journal_is_refused_with_the_process_that_serves(project: str, tmp_path: Path) -> None:
    a_service(project)
    key = a_key(tmp_path)
    with a_running_job(project, key) as job:
        second = subprocess.run(
            [
                *COMMAND,
                "run",
                "--project",
                project,
                "--masking-key-file",
                str(key),
                "--journal",
                str(tmp_path / "journal"),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "HEADRACE_CONTRACTS": str(SAMPLES)},
        )
    assert second.returncode == 3
    assert f"process {job.pid}" in second.stderr


def test_what_a_journal_holds_can_be_looked_at_beside_a_running_engine(project: str, tmp_path: Path) -> None:
    service = with_journal(a_service(project), tmp_path / "journal")
    service.publish("flight_departed", [flight_message(f"flight-{number}", flight=number) for number in range(30)])
    service.run_until(acknowledged=30)
    with a_running_job(project, a_key(tmp_path)):
        shown = subprocess.run(
            [*COMMAND, "journal", "inspect", "--journal", str(tmp_path / "journal")],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert shown.returncode == 0, shown.stderr
    assert "flights" in shown.stdout
    assert "30 ids remembered" in shown.stderr
