"""The disk loses what was not synced when its process is killed, keeps what was, and fails on demand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.support.paths import ROOT

COMMIT = """
import os, signal, sys
import tests.faults.power
import apsw

connection = apsw.Connection(sys.argv[1])
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA synchronous = " + sys.argv[2])
connection.execute("CREATE TABLE IF NOT EXISTS things (value)")
for value in range(int(sys.argv[3])):
    with connection:
        connection.execute("INSERT INTO things VALUES (?)", (str(value) * 3000,))
print(*connection.execute("SELECT count(*) FROM things"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
FAIL = """
import sys
from pathlib import Path
import tests.faults.power
import apsw

connection, control = apsw.Connection(sys.argv[1]), Path(sys.argv[2])
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA synchronous = FULL")
connection.execute("CREATE TABLE things (value)")
for word in ("", sys.argv[3], ""):
    control.write_text(word)
    try:
        with connection:
            connection.execute("INSERT INTO things VALUES (?)", (word,))
        print("fine")
    except apsw.Error as error:
        print(type(error).__name__)
"""


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def rows_after_a_power_cut(path: Path, synchronous: str, commits: int, **environment: str) -> int | None:
    """How many rows are there when the power is back; None when there is not even a table."""
    done = run(COMMIT, str(path), synchronous, str(commits), **environment)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with_it = apsw.Connection(str(path))
    assert with_it.pragma("integrity_check") == "ok"
    try:
        return int(with_it.execute("SELECT count(*) FROM things").get)
    except apsw.SQLError:
        return None


def test_a_synced_commit_survives_a_power_cut(tmp_path: Path) -> None:
    assert rows_after_a_power_cut(tmp_path / "full.db", "FULL", 7) == 7


def test_a_commit_that_was_not_synced_does_not(tmp_path: Path) -> None:
    assert rows_after_a_power_cut(tmp_path / "off.db", "OFF", 7) in (None, 0)


@pytest.mark.parametrize("torn_seed", range(6))
def test_torn_writes_lose_what_was_not_synced_and_damage_nothing(tmp_path: Path, torn_seed: int) -> None:
    torn = {"HEADRACE_POWER_TORN": str(torn_seed)}
    assert rows_after_a_power_cut(tmp_path / "full.db", "FULL", 7, **torn) == 7
    normal = rows_after_a_power_cut(tmp_path / "normal.db", "NORMAL", 7, **torn)
    assert normal is None or normal <= 7


@pytest.mark.parametrize(("word", "error"), [("full", "FullError"), ("eio", "IOError")])
def test_the_disk_fails_while_the_control_file_says_so(tmp_path: Path, word: str, error: str) -> None:
    control = tmp_path / "control"
    done = run(FAIL, str(tmp_path / "a.db"), str(control), word, HEADRACE_POWER_CONTROL=str(control))
    assert done.stdout.split()[:2] == ["fine", error], done.stderr


def test_what_a_failed_sync_was_to_write_never_reaches_the_disk(tmp_path: Path) -> None:
    path, control = tmp_path / "a.db", tmp_path / "control"
    script = FAIL.replace('print("fine")', 'print("fine", flush=True)') + "\nimport os, signal\nos.kill(os.getpid(), 9)"
    run(script, str(path), str(control), "eio", HEADRACE_POWER_CONTROL=str(control))
    stored = [value for (value,) in apsw.Connection(str(path)).execute("SELECT value FROM things")]
    assert "eio" not in stored
