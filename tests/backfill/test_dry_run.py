"""A dry run refuses the lines that a run refuses, for the same reasons."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace.backfill.backfill_errors import BackfillError
from headrace.cli.commands.backfill import check_files
from headrace.config.settings import load_settings
from headrace.errors import Exit
from headrace.schemas.samples import SAMPLES
from tests.support.builders import FLIGHT, a_flight
from tests.support.files import as_csv

SUBJECT = "flight_departed"
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def flights(count: int, at: datetime = NOW - timedelta(days=40)) -> list[dict[str, Any]]:
    return [a_flight(flight=each, scheduled_at=at + timedelta(seconds=each), departed_at=None) for each in range(count)]


def checked(
    path: Path, capsys: pytest.CaptureFixture[str], contracts: Path = SAMPLES
) -> tuple[Exit, dict[str, Any], str]:
    code = check_files(load_settings(project="test-project", contracts=contracts), SUBJECT, [str(path)], None, "json")
    shown = capsys.readouterr()
    (counts,) = json.loads(shown.out)["backfill"]
    return code, counts, shown.err


@pytest.mark.parametrize("written", [315_532_800, 4_102_444_800])
def test_when_a_file_was_written_says_nothing_of_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: int
) -> None:
    path = as_csv(tmp_path / "flights.csv", FLIGHT, flights(3_000))
    os.utime(path, (written, written))
    code, counts, _ = checked(path, capsys)
    assert code is Exit.DONE
    assert (counts["lines"], counts["events"]) == (3_000, 3_000)


def test_events_too_far_ahead_are_refused_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = as_csv(tmp_path / "flights.csv", FLIGHT, flights(2) + flights(1, NOW + timedelta(days=2)))
    code, counts, output = checked(path, capsys)
    assert code is Exit.FOUND
    assert (counts["events"], counts["in_the_future"], counts["invalid_line"]) == (2, 1, 0)
    assert "flights.csv, line 4: the event is further ahead than ahead_at_most allows" in output


def test_lines_that_break_a_rule_are_refused_or_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    avro = json.loads(FLIGHT.json)
    avro["headrace"]["rules"] = [
        {"name": "no_first", "expression": "flight != 0", "else": "dead_letter"},
        {"name": "few", "expression": "flight < 3", "else": "warn"},
    ]
    (tmp_path / f"{SUBJECT}.v1.avsc").write_text(json.dumps(avro))
    path = as_csv(tmp_path / "flights.csv", FLIGHT, flights(5))

    code, counts, output = checked(path, capsys, tmp_path)

    assert code is Exit.FOUND
    assert (counts["events"], counts["rule_broken"]) == (4, 1)
    assert "flights.csv, line 2: rule no_first is broken" in output
    assert "flight_departed: rule few, which only warns, is broken by 2 events" in output


def test_what_ends_a_run_ends_a_dry_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = as_csv(tmp_path / "flights.csv", FLIGHT, flights(2_000))
    head, *lines = path.read_text().splitlines(keepends=True)
    path.write_text(head + "".join(each if number % 3 else "UA,1\n" for number, each in enumerate(lines)))
    assert checked(path, capsys)[0] is Exit.FOUND, "a third is bad"
    path.write_text(head + "".join("UA,1\n" if number % 3 else each for number, each in enumerate(lines)))
    with pytest.raises(BackfillError, match="at most 50% may be"):
        checked(path, capsys)
