"""Engines that start at once: forked from a process that has imported what takes long and opened nothing.

Most of an engine's start is imports, and ``make faults`` starts hundreds. Each is a process of its own, with its own
environment and folder, and is killed by its own id, as one that was started from the beginning.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from headrace.runtime.processes import tied
from tests.support.paths import ROOT

# Everything but our own modules, which read their environment when they are imported.
_NURSERY: Final = """
import ctypes, importlib, json, os, signal, sys
import apsw, fastavro, prometheus_client, pyarrow, pyarrow.compute, pydantic_settings, structlog, typer
import google.cloud.bigquery, google.cloud.bigquery_storage_v1, google.pubsub_v1, google.rpc.code_pb2

codes = {}

def fork(modules, arguments, environment, folder, log):
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    output = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    for number in (1, 2):
        os.dup2(output, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["headrace", *arguments]
    sys.path.insert(0, environment["PYTHONPATH"])
    try:
        for module in modules:
            importlib.import_module(module)
        from headrace.cli.app import main
        main()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)
    os._exit(70)

def poll(pid):
    if pid not in codes:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            codes[pid] = os.waitstatus_to_exitcode(status)
    return codes.get(pid)

print("ready", flush=True)
for line in sys.stdin:
    name, *rest = json.loads(line)
    print(json.dumps({"fork": fork, "poll": poll}[name](*rest)), flush=True)
"""


class Process:
    """One forked engine, used as a ``subprocess.Popen``."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.pid = pid

    def poll(self) -> int | None:
        code: int | None = self._nursery.ask("poll", self.pid)
        return code

    def wait(self, timeout: float = 60) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("an engine", timeout)
            threading.Event().wait(0.02)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that engines are forked from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            tied([sys.executable, "-c", _NURSERY]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def ask(self, *question: Any) -> Any:
        """One question, one answer."""
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def spawn(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> Process:
        """Start an engine; the first of *arguments* names modules to load first."""
        log.touch()
        modules, *rest = arguments
        loaded = [*filter(None, modules.split(","))]
        return Process(self, self.ask("fork", loaded, rest, dict(environment), str(folder), str(log)))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def a_nursery() -> Iterator[Nursery]:
    """A nursery, ready."""
    nursery = Nursery()
    try:
        yield nursery
    finally:
        nursery.close()
