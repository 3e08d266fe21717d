"""`headrace doctor` as a person or a script meets it, where nothing is set up and where services do not answer."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.config.key_files import write_key_file
from headrace.doctor.findings import Area, Level
from headrace.errors import Exit
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB
from headrace.schemas.columns import fallback_remedy
from headrace.schemas.samples import SAMPLES
from tests.cli.test_reachability import black_hole, nowhere

__all__ = ["black_hole", "nowhere"]  # fixtures

SECONDS = 10.0
START_SECONDS = 2.0
NARROW = 60
MARKER = "hush-hush-this-is-secret"


def doctor(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program in *folder* with these variables and no other settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEADRACE_", "PUBSUB_", "BIGQ"))}
    environment = {**kept, "COLUMNS": str(NARROW), **variables}
    command = [sys.executable, "-P", "-m", "headrace", "doctor", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def timed(folder: Path, **variables: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """What it prints, and the seconds that it takes beyond those of its start, which are many on a busy machine."""
    begun = time.monotonic()
    assert doctor(folder, "--for", "dance", **variables).returncode == Exit.USAGE
    started = time.monotonic()
    shown = doctor(folder, "--json", **variables)
    return shown, time.monotonic() - started - (started - begun)


def at(host: str) -> dict[str, str]:
    return dict.fromkeys((PUBSUB, BIGQUERY, BIGQUERY_STORAGE), host)


def sample(folder: Path) -> dict[str, str]:
    """A project of the sample contracts, with both keys."""
    for name in ("masking", "archive"):
        write_key_file(folder / f"{name}.key", MARKER.encode() * 2)
    return {
        "HEADRACE_PROJECT": "a-project",
        "HEADRACE_CONTRACTS": str(SAMPLES),
        "HEADRACE_MASKING_KEY_FILE": "masking.key",
        "HEADRACE_ARCHIVE_KEY_FILE": "archive.key",
    }


def by_subject(shown: subprocess.CompletedProcess[str]) -> dict[str, Mapping[str, Any]]:
    return {each["subject"]: each for each in json.loads(shown.stdout)["findings"]}


def test_in_an_empty_folder_it_names_what_is_missing_with_a_remedy_and_fits(tmp_path: Path, nowhere: str) -> None:
    shown = doctor(tmp_path, **at(nowhere))
    assert shown.returncode == Exit.FOUND, shown.stderr
    assert [line for line in shown.stdout.splitlines() if len(line) > NARROW] == []
    areas = [line for line in shown.stdout.splitlines() if line and not line.startswith(" ")]
    assert areas == [area.value for area in Area]
    for missing in ("project", "contracts", "masking_key_file"):
        assert f"  problem  {missing}: see below" in shown.stdout
        assert re.search(
            rf"^  problem  {missing}: (?!see below).*(\n           .*)*remedy: ", shown.stdout, re.MULTILINE
        )
    assert "clock: not checked, because no project is named" in shown.stdout
    warnings = "1 warning" if fallback_remedy() is None else "2 warnings"  # one of them is the missing compiled decoder
    assert shown.stderr.splitlines()[-1].startswith(f"6 problems, {warnings}, ")


def test_json_has_a_stable_shape(tmp_path: Path, nowhere: str) -> None:
    shown = doctor(tmp_path, "--json", **sample(tmp_path), **at(nowhere))
    report = json.loads(shown.stdout)
    assert set(report) == {"schema_version", "healthy", "counts", "settings", "findings"}
    assert report["schema_version"] == 1
    assert report["healthy"] is False
    assert set(report["counts"]) == {level.value for level in Level}
    assert all(set(each) == {"key", "value", "source", "place"} for each in report["settings"])
    assert all(set(each) == {"area", "level", "subject", "what", "remedy"} for each in report["findings"])
    assert {each["area"] for each in report["findings"]} == {area.value for area in Area}
    assert all(each["remedy"] for each in report["findings"] if each["level"] in ("problem", "warning"))
    project = next(each for each in report["settings"] if each["key"] == "project")
    assert project == {"key": "project", "value": "a-project", "source": "variable", "place": "HEADRACE_PROJECT"}


def test_no_secret_is_in_its_output(tmp_path: Path, nowhere: str) -> None:
    variables = {
        **sample(tmp_path),
        "HEADRACE_MASKING_KEY": MARKER,
        "HEADRACE_ARCHIVE_KEY_FILE": MARKER,
        "HEADRACE_WINDOW": MARKER,
        "HEADRACE_DEBUG": "1",
    }
    for options in ([], ["--json"]):
        shown = doctor(tmp_path, *options, **variables, **at(nowhere))
        assert shown.returncode == Exit.FOUND
        assert MARKER not in shown.stdout + shown.stderr


def test_a_host_that_does_not_answer_is_reported_within_ten_seconds(tmp_path: Path, black_hole: str) -> None:
    shown, seconds = timed(tmp_path, **sample(tmp_path), **at(black_hole))
    assert seconds < SECONDS - START_SECONDS
    assert shown.returncode == Exit.FOUND
    found = by_subject(shown)
    for service in ("Pub/Sub", "BigQuery", "BigQuery's Storage Write API"):
        assert found[f"{service} at {black_hole}"]["level"] == "problem"
        assert "start the emulator" in found[f"{service} at {black_hole}"]["remedy"]
    assert found["clock"]["what"] == f"not checked, because BigQuery at {black_hole} has not answered"
    assert found["masking_key_file"]["level"] == found["booking_created"]["level"] == "ok"


@pytest.fixture
def half_dead() -> Iterator[str]:
    """An address that answers the first question, and then never again."""
    ended = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/":
                ended.wait()
            self.send_response(404)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 http.server's name

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    ended.set()
    server.shutdown()
    server.server_close()


def test_a_service_that_hangs_after_its_first_answer_ends_within_ten_seconds_too(
    tmp_path: Path, half_dead: str, nowhere: str
) -> None:
    shown, seconds = timed(tmp_path, **sample(tmp_path), **{**at(nowhere), BIGQUERY: half_dead})
    assert seconds < SECONDS - START_SECONDS
    found = by_subject(shown)
    assert found[f"BigQuery at {half_dead}"]["level"] == "ok"
    for subject in ("clock", "dataset headrace", "table headrace.flights"):
        assert found[subject]["level"] == "unknown"
        assert found[subject]["what"].startswith("not checked, because ")


@pytest.mark.parametrize("text", ["projct = 1\n", "not toml\n"])
def test_a_file_of_settings_that_cannot_be_read_leaves_the_other_checks(
    tmp_path: Path, nowhere: str, text: str
) -> None:
    (tmp_path / "headrace.toml").write_text(text)
    found = by_subject(doctor(tmp_path, "--json", **at(nowhere)))
    assert found["settings"]["level"] == "problem"
    assert found["settings"]["remedy"]
    assert found["Python"]["level"] == "ok"
    assert found["journal"]["what"] == "not checked, because the settings cannot be read"


def test_an_unknown_command_is_refused_with_the_known_ones(tmp_path: Path, nowhere: str) -> None:
    shown = doctor(tmp_path, "--for", "dance", **at(nowhere))
    assert shown.returncode == Exit.USAGE
    assert "--for dance: unknown; use one of publish, run, " in shown.stderr


def test_a_module_that_is_not_installed_is_a_finding(tmp_path: Path, nowhere: str) -> None:
    """As in an environment that has only some modules of an extra."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['google.cloud.bigquery'] = None\n")
    shown = doctor(tmp_path, "--json", **sample(tmp_path), **at(nowhere), PYTHONPATH=str(tmp_path))
    assert shown.returncode == Exit.FOUND, shown.stderr
    found = by_subject(shown)
    assert found["credentials"]["level"] == "unknown"
    assert "google.cloud.bigquery" in found["credentials"]["what"]
    assert found["journal"]["level"] == "ok"
