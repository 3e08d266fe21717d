"""``headrace status``, ``tail`` and ``query`` beside a running engine, as their users run them."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headrace.core.engine_report import SOCKET
from headrace.dev.pubsub_services import PubsubService
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.samples import SAMPLES
from tests.integration.test_service import a_message
from tests.support.builders import BOOKING, a_booking
from tests.support.jobs import COMMAND, a_key, a_running_job, wait_for
from tests.support.service import Service, a_service
from tests.support.terminals import in_terminal

pytestmark = pytest.mark.emulators
NOW = datetime.now(UTC)
EMAIL = "grace.hopper@example.org"


@dataclass
class Running:
    """A service with its engine, and the commands of a person in another terminal."""

    service: Service
    job: subprocess.Popen[str]
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        own = {
            "HEADRACE_PROJECT": self.service.settings.project,
            "HEADRACE_CONTRACTS": str(SAMPLES),
            "HEADRACE_JOURNAL": str(self.folder / "journal"),
        }
        inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        return {**inherited, **own}

    def ask(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        answer = subprocess.run(
            [*COMMAND, *arguments], env=self.variables, capture_output=True, text=True, timeout=120, cwd=self.folder
        )
        assert answer.returncode == code, answer.stderr
        return answer

    def status(self, code: int = 0) -> dict[str, Any]:
        return dict(json.loads(self.ask("status", "--json", code=code).stdout))

    def subject(self, name: str = "booking_created") -> dict[str, Any]:
        return next(dict(each) for each in self.status()["subjects"] if each["subject"] == name)

    def publish(self, *ids: str) -> None:
        booking = a_booking(created_at=NOW, email=EMAIL)
        self.service.publish("booking_created", [a_message(BOOKING, booking, each) for each in ids])

    def publish_rubbish(self) -> None:
        self.service.publish("booking_created", [(b"\x00rubbish", {})])

    @contextmanager
    def tail(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """``headrace tail``, once it follows."""
        command = [*COMMAND, "tail", "booking_created", *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=self.variables, cwd=self.folder, **pipes) as process:
            try:
                assert process.stderr is not None
                assert "following booking_created" in process.stderr.readline()
                yield process
            finally:
                process.kill()


@pytest.fixture
def running(project: str, tmp_path: Path) -> Iterator[Running]:
    service = a_service(project)
    with a_running_job(project, a_key(tmp_path)) as job:
        yield Running(service, job, tmp_path)


def test_status_shows_what_the_engine_pubsub_and_the_tables_say(running: Running) -> None:
    running.publish("a", "b")
    running.publish("a")
    running.publish_rubbish()
    wait_for(lambda: sum((running.subject()["refused"] or {"": 0}).values()) == 1)
    wait_for(lambda: running.subject()["last_hour"]["written"] == 2)

    status = running.status()
    found = next(each for each in status["subjects"] if each["subject"] == "booking_created")
    assert (found["state"], found["written"], found["duplicates"]) == ("running", 2, 1)
    assert found["refused"] == {"malformed_envelope": 1}
    assert found["last_hour"] == {"received": 4, "written": 2, "duplicate": 1, "dropped": 0, "dead_lettered": 1}
    assert found["backlog"] == 0 or PubsubService.chosen("") is PubsubService.GOOGLE_EMULATOR
    engine = status["engine"]
    assert (status["healthy"], engine["process"]) == (True, running.job.pid)
    assert engine["writes_to"] == f"{running.service.settings.project}.headrace"
    assert engine["journal_bytes"] > 0

    table = running.ask("status", "booking_created").stdout
    assert f"process {running.job.pid}: up" in table
    assert "booking_created refused: 1 malformed_envelope" in table
    assert "flight_departed" not in table


def test_status_tells_its_own_account_the_whole_problem_and_exits_with_1(running: Running) -> None:
    client = open_bigquery(running.service.settings.project)
    client.delete_table(f"{running.service.settings.project}.headrace.bookings")
    running.publish("a")
    wait_for(lambda: waits(running))
    table = running.ask("status", code=1).stdout
    assert "booking_created waits:" in table
    assert "headrace.bookings" in table.replace("\n", "")


def waits(running: Running) -> bool:
    answer = subprocess.run(
        [*COMMAND, "status", "booking_created", "--json"], env=running.variables, capture_output=True, text=True
    )
    return bool(json.loads(answer.stdout)["subjects"][0]["state"] == "waiting")


def test_without_an_engine_status_shows_the_rest(project: str, tmp_path: Path) -> None:
    service = a_service(project)
    there = Running(service, None, tmp_path)  # type: ignore[arg-type]
    there.publish("a", "b")
    status = there.status()
    found = next(each for each in status["subjects"] if each["subject"] == "booking_created")
    assert (status["engine"], found["state"], found["written"]) == (None, "unknown", None)
    if PubsubService.chosen("") is PubsubService.BROKER:
        assert found["backlog"] == 2
        assert found["oldest_seconds"] >= 0
    else:
        assert "does not count" in status["unknown"]["backlogs"]
    assert "no engine runs with the journal" in there.ask("status").stdout


def test_a_mistyped_subject_is_answered_with_those_that_there_are(running: Running) -> None:
    assert "there are booking_created, flight_departed" in running.ask("status", "bookings", code=2).stderr


def test_the_socket_belongs_to_the_account_alone_and_goes_with_the_engine(running: Running) -> None:
    journal = running.folder / "journal"
    assert (journal / SOCKET).is_socket()
    assert journal.stat().st_mode & 0o077 == 0
    running.job.send_signal(signal.SIGTERM)
    assert running.job.wait(60) == 0
    assert not (journal / SOCKET).exists()


def test_after_a_kill_the_next_engine_takes_the_socket_over(running: Running) -> None:
    running.job.kill()
    running.job.wait(60)
    assert (running.folder / "journal" / SOCKET).is_socket()
    assert running.status()["engine"] is None
    with a_running_job(running.service.settings.project, a_key(running.folder)) as second:
        assert running.status(code=0)["engine"]["process"] == second.pid


def test_tail_shows_each_event_masked_with_its_outcome(running: Running) -> None:
    with running.tail("--json", "--limit", "4") as tail:
        running.publish("a", "b")
        running.publish("a")
        running.publish_rubbish()
        out, _ = tail.communicate(timeout=60)
    events = [json.loads(line) for line in out.splitlines()]
    assert sorted(each["outcome"] for each in events) == ["dead_lettered", "duplicate", "written", "written"]
    written = next(each for each in events if each["outcome"] == "written")
    assert written["row"]["_event_id"] in ("a", "b")
    assert written["row"]["channel"] == "WEB"
    assert EMAIL not in out
    letter = next(each for each in events if each["outcome"] == "dead_lettered")
    assert letter["reason"] == "malformed_envelope"
    assert "row" not in letter
    assert "rubbish" not in out
    (message,) = running.service.dead_letters(1)
    assert letter["letter_id"] == message.attributes["headrace-dl-id"]


def test_tail_shows_only_what_is_asked_for(running: Running) -> None:
    with running.tail("--where", "_event_id=wanted", "--limit", "1") as tail:
        running.publish("other", "wanted", "another")
        out, _ = tail.communicate(timeout=60)
    (line,) = out.splitlines()
    assert "written" in line
    assert '"_event_id": "wanted"' in line


def test_tail_ends_when_its_time_is_over_and_when_the_engine_ends(running: Running) -> None:
    assert running.ask("tail", "booking_created", "--for", "0.5").stdout == ""
    with running.tail() as tail:
        running.job.send_signal(signal.SIGTERM)
        _, told = tail.communicate(timeout=60)
    assert "the engine has ended" in told
    assert tail.returncode == 0


def test_tail_of_a_subject_that_the_engine_lacks_says_so(running: Running) -> None:
    assert "`headrace status` lists them" in running.ask("tail", "bookings", code=2).stderr


def test_query_prints_rows_in_each_format(running: Running) -> None:
    running.publish("a", "b")
    wait_for(lambda: running.subject()["written"] == 2)
    sql = "SELECT _event_id, channel, total, passengers FROM bookings ORDER BY _event_id"
    rows = [json.loads(line) for line in running.ask("query", sql, "--format", "ndjson").stdout.splitlines()]
    assert [row["_event_id"] for row in rows] == ["a", "b"]
    assert rows[0]["total"] == "1234.500000001"
    assert rows[0]["passengers"][0]["seat"] == "12A"
    assert json.loads(running.ask("query", sql, "--json").stdout)["rows"] == rows
    written = list(csv.reader(io.StringIO(running.ask("query", sql, "--format", "csv").stdout)))
    assert written[0] == ["_event_id", "channel", "total", "passengers"]
    assert [line[0] for line in written[1:]] == ["a", "b"]
    table = running.ask("query", "SELECT channel, COUNT(*) AS events FROM bookings GROUP BY channel").stdout
    assert [line.split() for line in table.splitlines()] == [["channel", "events"], ["WEB", "2"]]
    assert "1 more rows" in running.ask("query", sql, "--limit", "1").stderr


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT nothing FROM bookings", "BigQuery refuses the query"),
        ("SELECT 1 FROM missing_table", "BigQuery refuses the query"),
        ("SELEC 1", "BigQuery refuses the query"),
        ("DELETE FROM bookings WHERE TRUE", "only SELECT is accepted"),
    ],
)
def test_a_query_that_cannot_run_is_answered_in_a_sentence(project: str, tmp_path: Path, sql: str, told: str) -> None:
    there = Running(a_service(project), None, tmp_path)  # type: ignore[arg-type]
    answer = there.ask("query", sql, code=2)
    assert told in answer.stderr
    assert len(answer.stderr.splitlines()) <= 4


def test_run_shows_a_panel_on_a_terminal_and_logs_go_above_it(project: str, tmp_path: Path) -> None:
    there = Running(a_service(project), None, tmp_path)  # type: ignore[arg-type]
    command = [*COMMAND, "run", "--masking-key-file", str(a_key(tmp_path))]
    with in_terminal(command, there.variables, columns=100, lines=40, cwd=tmp_path) as (terminal, job):
        terminal.expect("running")
        terminal.expect("booking_created +running")
        there.publish("a")
        terminal.expect(r"booking_created +running[^\n]* 1 +0")
        terminal.send("\x03")
        terminal.expect("drained")
        assert job.wait(60) == 0


def test_run_prints_a_line_of_json_into_a_pipe(project: str, tmp_path: Path) -> None:
    there = Running(a_service(project), None, tmp_path)  # type: ignore[arg-type]
    command = [*COMMAND, "run", "--masking-key-file", str(a_key(tmp_path))]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=there.variables, cwd=tmp_path, **pipes) as job:
        try:
            there.publish("a")
            assert job.stdout is not None
            first = json.loads(job.stdout.readline())
            assert first["alive"] is True
            assert "at" in first
            second = json.loads(job.stdout.readline())
            assert second["ready"] is True
            job.stdout.close()  # whoever read it has gone; the job goes on
            there.publish("b")
            wait_for(lambda: there.subject()["written"] == 2)
            assert job.poll() is None
        finally:
            job.kill()
