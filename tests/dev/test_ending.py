"""How the processes of emulators are ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from headrace.dev import emulators
from tests.support.jobs import wait_for

DEAF = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) > 2:
    subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1] + ".child"])
pathlib.Path(sys.argv[1]).touch()
time.sleep(300)
"""


def test_a_process_that_ignores_sigterm_is_killed_with_its_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulators, "END_SECONDS", 0.2)
    ready = tmp_path / "ready"
    process = subprocess.Popen([sys.executable, "-c", DEAF, str(ready), DEAF])
    wait_for(lambda: ready.exists() and Path(f"{ready}.child").exists())
    (child,) = psutil.Process(process.pid).children()
    emulators._end(process)
    assert process.returncode == -9
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_it_ends_where_proc_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])

    def blind(pid: int) -> psutil.Process:
        raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr(psutil, "Process", blind)
    emulators._end(process)
    assert process.returncode == -15


def test_a_process_that_has_ended_is_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)
    emulators._end(process)
    assert process.returncode == 0
