"""How the processes of emulators are ended, and when one is no emulator."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


def test_a_server_of_another_protocol_on_its_port_is_no_emulator() -> None:
    """Another process may take a port between the moments when it is chosen and used."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        told = thread.submit(_send_a_frame_of_http2, server)
        assert not emulators._answers(f"http://127.0.0.1:{server.getsockname()[1]}/readyz")
        told.result()


def _send_a_frame_of_http2(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00\r\n")
        connection.recv(1024)
