"""The path of a new user, from wheels in an empty folder: install, init, first event, first row, first dead letter.

    python -m tests.new_user [--cold] [--keep]

prints the seconds of each step. It does what ``headrace init`` and the README that it writes say, and reads nothing
else. With ``--cold`` the caches of pip, uv and Headrace are empty too; with ``--keep`` the folder stays.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from headrace.runtime.processes import tied
from tests.support.jobs import wait_for
from tests.support.wheels import build_wheels

LIMIT_SECONDS: Final = 300.0
LATE: Final = "2020-01-01T00:00:00Z"
PROJECT: Final = "my events"
QUERY: Final = "SELECT * FROM order_placed"
EMULATORS: Final = ".headrace/emulators.env"
NEXT: Final = (
    "headrace test",
    "headrace up",
    f"source {EMULATORS}",
    "headrace provision",
    "headrace run",
    "python producer.py",
    "headrace query 'SELECT * FROM order_placed'",
)
_OURS: Final = ("HEADRACE_", "PUBSUB_", "BIGQUERY_", "VIRTUAL_ENV", "PYTHONPATH")


class NewUser:
    """A person with an empty folder, who runs commands there and writes down how long each step takes."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = dict(environment)
        self.seconds: dict[str, float] = {}

    def run(self, *command: str) -> str:
        """Run a command to its end; what it printed on stdout."""
        found = shutil.which(command[0], path=self._environment["PATH"]) or command[0]
        done = subprocess.run(
            [found, *command[1:]], cwd=self.folder, env=self._environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-2000:]}{done.stdout[-2000:]}"
        return done.stdout

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command in a terminal of its own, which is interrupted at the end."""
        program = shutil.which(command[0], path=self._environment["PATH"]) or command[0]
        with (self.folder / f"{command[-1]}.log").open("wb") as log:
            process = subprocess.Popen(
                tied([program, *command[1:]]), cwd=self.folder, env=self._environment, stdout=log, stderr=log
            )
            try:
                yield process
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(90)

    def source(self, file: str) -> None:
        """Take over the variables that a file exports."""
        for line in (self.folder / file).read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self._environment[name] = value

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table."""
        found: list[dict[str, Any]] = json.loads(self.run("headrace", "query", QUERY, "--json"))["rows"]
        return found

    def letters(self) -> list[dict[str, Any]]:
        """The open dead letters."""
        found: list[dict[str, Any]] = json.loads(self.run("headrace", "dead-letters", "list", "--json"))["dead_letters"]
        return found

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step and print it."""
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun
        print(f"{self.seconds[name]:7.1f} s  {name}", flush=True)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Look again and again, as a person does."""
        wait_for(condition, 120)


def walk(user: NewUser) -> None:
    """Go the whole path."""
    with user.step("python3 -m venv, pip install 'headrace[local]'"):
        user.run(sys.executable, "-m", "venv", ".venv")
        user.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "headrace[local]")
    with user.step("headrace init, headrace test"):
        made = json.loads(user.run("headrace", "init", "--json"))
        user.run("headrace", "test")
    assert [each for each in NEXT if each not in made["next"]] == []
    with ExitStack() as terminals:
        with user.step("headrace up"):
            terminals.enter_context(user.running("headrace", "up"))
            user.wait_until((user.folder / EMULATORS).exists)
            user.source(EMULATORS)
        with user.step("first event: headrace provision, headrace run, python producer.py"):
            user.run("headrace", "provision")
            terminals.enter_context(user.running("headrace", "run"))
            user.run("python", "producer.py")
        with user.step("first row: headrace query"):
            user.wait_until(lambda: len(user.rows()) == 1)
        with user.step("first dead letter: python producer.py, headrace dead-letters list, show"):
            user.run("python", "producer.py", LATE)
            user.wait_until(lambda: len(user.letters()) == 1)
            letter = user.letters()[0]["letter_id"]
            user.run("headrace", "dead-letters", "show", letter)
        with user.step("corrected: headrace dead-letters edit, headrace replay, headrace query"):
            patch = json.dumps({made["event_time"]: datetime.now(UTC).isoformat()})
            user.run("headrace", "dead-letters", "edit", letter, "--patch", patch, "--why", "a wrong clock")
            user.run("headrace", "replay", letter, "--yes")
            user.wait_until(lambda: len(user.rows()) == 2)
        with user.step("headrace audit"):
            user.run("headrace", "audit", "--grace", "0s")
    with user.step("the lines of .github/workflows/headrace.yml"):
        for line in workflow_lines(user.folder):
            user.run("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", line)


def workflow_lines(project: Path) -> list[str]:
    """The commands of the workflow, which GitHub runs in bash."""
    workflow = yaml.safe_load((project / ".github/workflows/headrace.yml").read_text())
    return [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]


def environment(wheels: Path, folder: Path, cold: bool) -> dict[str, str]:
    """A new user's variables: those of this machine, without ours; pip finds our distributions in *wheels*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    caches = {"XDG_CACHE_HOME": str(folder / "cache"), "UV_CACHE_DIR": str(folder / "cache/uv")} if cold else {}
    path = os.pathsep.join([str(folder / PROJECT / ".venv/bin"), os.environ["PATH"]])
    return kept | caches | {"PATH": path, "PIP_FIND_LINKS": str(wheels)}


def new_user(folder: Path, cold: bool = False) -> dict[str, float]:
    """Build wheels, go the path in *folder*, and return the seconds of each step."""
    wheels, project = folder / "wheels", folder / PROJECT
    project.mkdir()
    build_wheels(wheels)
    user = NewUser(project, environment(wheels, folder, cold))
    walk(user)
    print(f"{sum(user.seconds.values()):7.1f} s  in all", flush=True)
    return user.seconds


def main() -> int:
    """Go the path, and exit with 1 if it takes longer than LIMIT_SECONDS."""
    parser = argparse.ArgumentParser(prog="python -m tests.new_user", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cold", action="store_true", help="begin with empty caches")
    parser.add_argument("--keep", action="store_true", help="keep the folder, and print it")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="headrace-new-user-"))
    try:
        seconds = new_user(folder, options.cold)
    finally:
        if options.keep:
            print(folder)
        else:
            shutil.rmtree(folder)
    return int(sum(seconds.values()) > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
