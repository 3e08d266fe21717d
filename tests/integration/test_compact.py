"""Compacted tallies keep their content: every window's sums, until when a subject is complete, what an audit finds."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from headrace.audit import compaction
from headrace.audit.compaction import Compaction, compact, plan_compaction
from headrace.audit.queries import signed, statements
from headrace.audit.scope import Scope
from headrace.bigquery.service_tables import TALLY_SCHEMA
from headrace.bigquery.write_streams import Rows, WriteStreams
from headrace.core.resource_names import TALLIES
from headrace.errors import Exit
from headrace.runtime.google_clients import open_bigquery, open_write
from headrace.schemas.envelope import to_micros
from tests.support.jobs import COMMAND
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
NOW = datetime.now(UTC).replace(microsecond=0)
BEFORE = NOW - timedelta(days=7)
SCOPE = Scope(now=to_micros(NOW), window=timedelta(minutes=1))
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=9)
EXTREMES = [2**63 - 1, -(2**63), -1, 0, 2**32, -(2**32), 2**31, 12_345]


def a_line(number: int, **fields: Any) -> dict[str, Any]:
    chance = random.Random(number)
    windows = [
        {
            "window_start": MIDNIGHT + timedelta(minutes=minute),
            "events": chance.randrange(1, 9),
            "id_hash": chance.choice(EXTREMES),
            "content_hash": chance.randrange(-(2**63), 2**63),
        }
        for minute in chance.sample(range(12), 5)
    ]
    line = {
        "subject": "flight_departed",
        "outcome": "written",
        "reason": None,
        "tallied_at": MIDNIGHT + timedelta(minutes=number),
        "tally_id": f"{number:04}",
        "complete_until": MIDNIGHT + timedelta(minutes=number - 5),
        "windows": windows,
    } | fields
    return {"events": sum(each["events"] for each in line["windows"]), "sequences": []} | line


def an_arrival(number: int, **fields: Any) -> dict[str, Any]:
    """A line of numbers that arrived: of two sources and epochs, in two windows; some of them overlap."""
    chance = random.Random(number)
    sequences = [
        {
            "source": chance.choice(["/checkout", "/returns"]),
            "epoch": chance.choice(["a1", "b2"]),
            "window_start": MIDNIGHT + timedelta(minutes=chance.randrange(2)),
            "first_number": first,
            "last_number": first + chance.randrange(4),
            "published_until": MIDNIGHT + timedelta(seconds=chance.randrange(120)),
        }
        for first in chance.sample(range(1, 60), 6)
    ]
    return a_line(number, outcome="arrived", windows=[], sequences=sequences) | fields


def arrived(service: Service) -> dict[tuple[str, str, str, datetime], set[int]]:
    """The numbers that arrived, of each subject, source, epoch and window, by Python's own arithmetic."""
    found = defaultdict[tuple[str, str, str, datetime], set[int]](set)
    for line in service.rows(TALLIES):
        for each in line["sequences"]:
            key = line["subject"], each["source"], each["epoch"], each["window_start"]
            found[key].update(range(each["first_number"], each["last_number"] + 1))
    return dict(found)


def tallied(service: Service, lines: list[dict[str, Any]]) -> None:
    """Append lines as the job does."""
    streams = WriteStreams(open_write(service.settings.project), 30)
    stream_name = streams.create(service.names.table(TALLIES))
    answer = streams.append(stream_name, 0, Rows.of(pa.RecordBatch.from_pylist(lines, TALLY_SCHEMA)))
    assert not answer.refused, answer


def sums(service: Service) -> dict[Any, tuple[int, int, int]]:
    """What the lines add up to, by Python's own arithmetic."""
    found: dict[Any, tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
    for line in service.rows(TALLIES):
        assert line["outcome"] == "arrived" or line["events"] == sum(each["events"] for each in line["windows"])
        for each in line["windows"]:
            key = (line["subject"], line["outcome"], line["reason"], each["window_start"])
            events, ids, contents = found[key]
            more = each["events"], each["id_hash"], each["content_hash"]
            found[key] = events + more[0], signed(ids + more[1]), signed(contents + more[2])
    return dict(found)


@pytest.fixture
def service(project: str) -> Service:
    """Thirty lines of one day, and others: two reasons, the day after, lately, no windows, one that occurs twice."""
    service = a_service(project)
    lines = [a_line(number) for number in range(30)]
    lines += [a_line(n, outcome="dead_lettered", reason=("too_late", "id_conflict")[n % 2]) for n in range(30, 34)]
    lines += [a_line(number, tallied_at=MIDNIGHT + timedelta(days=1, minutes=number)) for number in (34, 35)]
    lines += [a_line(number, tallied_at=NOW - timedelta(hours=number - 35)) for number in (36, 37)]
    lines += [a_line(number, windows=[]) for number in (38, 39)]
    lines += [a_line(40, subject="booking_created"), a_line(41), a_line(41)]
    tallied(service, lines)
    return service


def test_fewer_lines_add_up_to_the_same_and_once_more_changes_nothing(service: Service) -> None:
    client = open_bigquery(service.settings.project)
    before, stated = sums(service), statements(service.names, client, SCOPE)
    assert plan_compaction(service.names, client, BEFORE) == [Compaction("flight_departed", 4, 38, 4)]

    compact(service.names, client, BEFORE)

    assert sums(service) == before
    assert statements(service.names, client, SCOPE) == stated
    lines = sorted(service.rows(TALLIES), key=lambda row: row["tally_id"])
    assert [line["tally_id"] for line in lines] == [
        "0000",
        "0030",
        "0031",
        "0034",
        "0036",
        "0037",
        "0040",
        "0041",
        "0041",
    ]
    compact(service.names, client, BEFORE)
    assert sorted(service.rows(TALLIES), key=lambda row: row["tally_id"]) == lines


def test_a_day_of_many_windows_becomes_several_lines(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "WINDOWS_OF_A_LINE", 5)
    client, before = open_bigquery(service.settings.project), sums(service)

    compact(service.names, client, BEFORE)

    assert sums(service) == before
    ids = {line["tally_id"] for line in service.rows(TALLIES)}
    assert {"0000", "0000/1", "0000/2"} <= ids
    assert plan_compaction(service.names, client, BEFORE) == []
    tallied(service, [a_line(50)])
    compact(service.names, client, BEFORE)
    assert {line["tally_id"] for line in service.rows(TALLIES)} == ids


@pytest.mark.parametrize("most_ranges", [20_000, 10])
def test_numbers_that_arrived_become_the_fewest_ranges(
    project: str, monkeypatch: pytest.MonkeyPatch, most_ranges: int
) -> None:
    monkeypatch.setattr(compaction, "RANGES_OF_A_LINE", most_ranges)
    service = a_service(project)
    client = open_bigquery(project)
    lines = [an_arrival(number) for number in range(12)]
    lines += [an_arrival(number, subject="booking_created") for number in (12, 13)]
    lines += [an_arrival(n, reason="unnumbered", sequences=[], events=n) for n in (14, 15)]
    lines += [a_line(16), a_line(17), an_arrival(18, tallied_at=NOW)]
    tallied(service, lines)
    before, counts = arrived(service), sums(service)

    compact(service.names, client, BEFORE)

    assert (arrived(service), sums(service)) == (before, counts)
    rows = service.rows(TALLIES)
    assert [row["events"] for row in rows if row["reason"] == "unnumbered"] == [29]
    compacted = [row for row in rows if row["tallied_at"] < BEFORE and row["sequences"]]
    assert len(compacted) == (3 if most_ranges > 100 else 7)
    assert all(len(row["sequences"]) <= most_ranges for row in compacted)
    keys = Counter(
        (row["subject"], *(each[name] for name in ("source", "epoch", "window_start")), each["first_number"] - 1)
        for row in compacted
        for each in row["sequences"]
    )
    ends = {
        (row["subject"], *(each[name] for name in ("source", "epoch", "window_start")), each["last_number"])
        for row in compacted
        for each in row["sequences"]
    }
    assert max(keys.values()) == 1
    assert not keys.keys() & ends, "no range begins where another ends"
    compact(service.names, client, BEFORE)
    assert sorted(service.rows(TALLIES), key=str) == sorted(rows, key=str)


def test_the_last_lines_of_an_engine_keep_their_ids_however_long_it_is_stopped(project: str) -> None:
    """It asks for these lines when it comes back and their stream is gone: counted twice if they were not there."""
    service, stopped, going_on = a_service(project), "a" * 32, "b" * 32
    lines = [a_line(n, tally_id=f"{stopped}-{n}-17-0") for n in range(8, 12)]
    lines += [a_line(11, outcome="received", tally_id=f"{stopped}-11-17-1")]
    lines += [a_line(n, tally_id=f"{going_on}-{n}-17-0") for n in range(4)]
    lines += [a_line(4, tally_id=f"{going_on}-4-17-0", tallied_at=NOW)]
    lines += [a_line(n, subject="booking_created", tally_id=f"of-dataflow-{n}") for n in range(6)]
    tallied(service, lines)
    before = sums(service)
    client = open_bigquery(service.settings.project)

    for _ in range(2):
        compact(service.names, client, BEFORE)
        assert sums(service) == before
        ids = {line["tally_id"] for line in service.rows(TALLIES)}
        last = {f"{stopped}-11-17-0", f"{stopped}-11-17-1", f"{going_on}-4-17-0", "of-dataflow-4", "of-dataflow-5"}
        assert len(ids - last) == 2, "what came before is put together"
        assert ids > last


def test_the_command_says_what_it_puts_together(service: Service) -> None:
    def headrace(*options: str) -> subprocess.CompletedProcess[str]:
        command = [*COMMAND, "tallies", "compact", "--project", service.settings.project, "--json", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    group = {"subject": "flight_departed", "groups": 4, "lines": 38, "become": 4}
    assert json.loads(headrace("--dry-run").stdout)["subjects"] == [group]
    done = headrace()
    assert (done.returncode, json.loads(done.stdout)["subjects"]) == (0, [group]), done.stderr
    assert "38 lines became 4" in done.stderr
    assert json.loads(headrace().stdout)["subjects"] == []
    assert headrace("--older-than", "1d").returncode == Exit.USAGE
