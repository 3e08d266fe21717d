"""The demo, and the commands of the README."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from headrace.dev.demo.flights import TOTAL, flights
from tests.support.builders import PACKAGE
from tests.support.jobs import COMMAND, wait_for
from tests.support.paths import ROOT
from tests.support.service import a_service

pytestmark = pytest.mark.emulators
README = (ROOT / "README.md").read_text()


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "EMULATOR" not in name}


def headrace(*arguments: str, variables: dict[str, str], cwd: Path | None = None) -> Any:
    environment = clean_environment() | variables
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=200, env=environment, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_readme_names_these_commands_and_no_others() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert [line for block in blocks for line in block.splitlines()] == [
        "python3 -m venv .venv",
        ".venv/bin/pip install 'headrace[local]'",
        ".venv/bin/headrace demo",
        "make demo",
        "make test",
        "headrace init",
        ".venv/bin/headrace --help",
        ".venv/bin/headrace demo --events 2000 --json",
        "headrace dead-letters list",
        "headrace replay --dry-run",
        "headrace audit",
        "headrace journal inspect",
    ]


def test_the_demo_reconciles_and_stores_nothing_personal_regardless_of_the_users_own_settings(
    tmp_path: Path,
) -> None:
    own = 'project = "mine"\ndataset = "mine"\ncontracts = "nowhere"\nhealth = ":99"\nmasking_key_file = "none"\n'
    (tmp_path / "headrace.toml").write_text(own)
    report = headrace("demo", "--events", "2000", "--json", variables={"HEADRACE_DATASET": "other"}, cwd=tmp_path)

    assert report["reconciled"] is True
    assert report["unmasked_hits"] == 0
    assert report["published"] == report["received"] == report["expected"]["received"]
    assert report["dead_lettered"] == report["expected"]["dead_lettered"]
    tables = {table["table"]: table for table in report["tables"]}
    assert tables["flights"]["rows"] == tables["flights"]["distinct_event_ids"] == 2000
    assert tables["flights"]["clustering"] == ["carrier", "origin"]
    assert tables["bookings"]["partition_field"] == "_event_time"


def test_a_kept_demo_can_be_looked_at_and_leaves_nothing_behind() -> None:
    demo = subprocess.Popen(
        [*COMMAND, "demo", "--events", "500", "--keep"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
    )
    try:
        assert demo.stdout is not None
        variables = {}
        for line in demo.stdout:
            if "export" in line:
                name, _, value = line.split("export ")[1].strip().partition("=")
                variables[name] = value
            if "everything keeps running" in line:
                break
        family = psutil.Process(demo.pid).children(recursive=True)
        letters = headrace("dead-letters", "list", "--limit", "1000", "--format", "json", variables=variables)
        audit = headrace("audit", "--json", variables=variables)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    finally:
        demo.kill()
        demo.wait()
    assert len(family) >= 3
    wait_for(lambda: not any(member.is_running() for member in family), 10)
    assert letters["count"] == len(letters["dead_letters"]) > 50
    assert audit["reconciled"] is True


def test_an_interrupted_demo_leaves_nothing_behind() -> None:
    with subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=clean_environment()
    ) as demo:
        try:
            assert demo.stderr is not None
            for line in demo.stderr:
                if line.startswith("published"):
                    break
            family = psutil.Process(demo.pid).children(recursive=True)
            demo.send_signal(signal.SIGKILL)
        finally:
            demo.kill()
    assert len(family) >= 3
    wait_for(lambda: not any(member.is_running() for member in family), 20)


def test_the_producer_lines_of_the_readme_run(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    a_service(project)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(compile(code.replace("my-project", project), "README.md", "exec"), {})


def test_all_flights_of_the_year_are_there() -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    count = cancelled = 0
    last = datetime.min.replace(tzinfo=UTC)
    for fields in flights(None, now):
        count += 1
        cancelled += fields["cancelled"]
        last = max(last, fields["scheduled_at"])
    assert (count, cancelled) == (TOTAL, 8255)
    assert timedelta(0) < now - last < timedelta(weeks=2)
    assert PACKAGE.latest("flight_departed").options.late_after > timedelta(days=380)
