"""Everything in a project of ``headrace init`` runs at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from headrace.errors import Exit
from headrace.runtime.processes import tied
from tests.new_user import workflow_lines
from tests.support.jobs import wait_for

BIN: Final = Path(sys.executable).parent
DEFAULT: Final = ("--yes",)
OF_THEIR_OWN: Final = (
    *(
        "--subject",
        "reading_taken",
        "--field",
        "sensor:uuid",
        "--field",
        "celsius:double",
        "--field",
        "taken:timestamp",
    ),
    *("--table", "readings", "--identity", "sensor", "--identity", "taken", "--doc", "A sensor was read."),
)


class Home:
    """A folder with a project, and a shell in which the environment of these tests is active."""

    def __init__(self, folder: Path, project: str, *arguments: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self._environment = kept | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"}
        shown = self.run("headrace", "init", str(folder), "--project", project, "--json", *arguments, cwd=folder.parent)
        self.made: dict[str, Any] = json.loads(shown)

    def run(self, *command: str, code: int = 0, cwd: Path | None = None) -> str:
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=self._environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def job(self) -> Iterator[None]:
        """``headrace run``, drained at the end."""
        log = self.folder / ".headrace" / "run.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("wb") as output:
            job = subprocess.Popen(
                tied([str(BIN / "headrace"), "run"]),
                cwd=self.folder,
                env=self._environment,
                stdout=output,
                stderr=output,
            )
        try:
            yield
            job.send_signal(signal.SIGTERM)
            assert job.wait(60) == 0, log.read_text()
        finally:
            job.kill()
            job.wait()

    def rows(self) -> list[dict[str, Any]]:
        query = f"SELECT * FROM {self.made['table']}"
        found: list[dict[str, Any]] = json.loads(self.run("headrace", "query", query, "--json"))["rows"]
        return found

    def wait_for_rows(self, count: int) -> list[dict[str, Any]]:
        wait_for(lambda: len(self.rows()) >= count, 60)
        return self.rows()

    def letters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("headrace", "dead-letters", "list", "--json"))["dead_letters"]
        return found


@pytest.mark.parametrize("arguments", [DEFAULT, OF_THEIR_OWN], ids=["default", "own words"])
def test_tests_and_the_lines_of_the_workflow_pass(arguments: Sequence[str], tmp_path: Path) -> None:
    home = Home(tmp_path / "our first events, ünï", "a-project", *arguments)
    lines = workflow_lines(home.folder)
    assert lines == ["pip install -r requirements-dev.txt", "headrace contracts check", "headrace test", "pytest"]
    for line in lines[1:]:  # tests/new_user.py installs
        home.run("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", line)
    collected = home.run("pytest", "--collect-only", "--quiet")
    assert f"contracts/{home.made['subject']}.test.yaml::an event becomes a row" in collected
    assert "tests/test_producer.py::test_an_event_is_stored" in collected


@pytest.mark.emulators
@pytest.mark.parametrize("arguments", [DEFAULT, OF_THEIR_OWN], ids=["default", "own words"])
def test_an_event_becomes_a_row_and_a_late_one_a_letter_that_is_edited_and_replayed(
    arguments: Sequence[str], project: str, tmp_path: Path
) -> None:
    home = Home(tmp_path / "our first events, ünï", project, *arguments)
    home.run("headrace", "provision")
    home.run("headrace", "doctor")
    with home.job():
        home.run("python", "producer.py")
        (row,) = home.wait_for_rows(1)
        assert row["_source"] == f"/{home.made['subject']}"
        assert {name: row[name][:3] for name in home.made["masked"]} == dict.fromkeys(home.made["masked"], "t1_")

        home.run("python", "producer.py", "2020-01-01T00:00:00Z")
        wait_for(lambda: len(home.letters()) == 1, 60)
        (letter,) = home.letters()
        assert (letter["reason"], letter["subject"]) == ("too_late", home.made["subject"])
        patch = json.dumps({home.made["event_time"]: datetime.now(UTC).isoformat()})
        home.run("headrace", "dead-letters", "edit", letter["letter_id"], "--patch", patch, "--why", "a wrong clock")
        home.run("headrace", "replay", letter["letter_id"], "--yes")
        assert len(home.wait_for_rows(2)) == 2
    home.run("headrace", "audit", "--grace", "0s")
    home.run("headrace", "init", "--yes", code=Exit.CONFIGURATION)
