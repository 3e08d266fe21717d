"""The engine as a process of its own: started, signalled by its id, waited for, and read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from headrace.config.key_files import write_key_file
from headrace.runtime.processes import tied
from tests.support.paths import ROOT

# Modules to load come first: a disk that fails, an engine with one function replaced.
_START: Final = """
import importlib, sys
for module in filter(None, sys.argv.pop(1).split(",")):
    importlib.import_module(module)
from headrace.__main__ import program
program()
"""


class Engine:
    """``headrace run``."""

    def __init__(
        self,
        folder: Path,
        project: str,
        key: bytes,
        environment: Mapping[str, str],
        load: Sequence[str] = (),
        number: int = 1,
    ) -> None:
        key_file = folder / "masking.key"
        if not key_file.exists():
            write_key_file(key_file, key)
        self.log = folder / f"engine-{number}.log"
        self._health = environment.get("HEADRACE_HEALTH", "")
        arguments = ["run", "--project", project, "--masking-key-file", str(key_file)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        self._process = self.spawn([",".join(load), *arguments], environment, folder, self.log)

    @staticmethod
    def spawn(arguments: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> Any:
        """Start the process; what is returned is used as a ``subprocess.Popen``."""
        with log.open("wb") as output:
            return subprocess.Popen(
                tied([sys.executable, "-c", _START, *arguments]),
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def has_logged(self, *words: str) -> bool:
        """Whether one line of its log holds all of *words*."""
        return self.count_logged(*words) > 0

    def count_logged(self, *words: str) -> int:
        """How many lines of its log hold all of *words*."""
        lines = self.log.read_text(errors="replace").splitlines()
        return sum(all(word in line for word in words) for line in lines)

    def counted(self, subject: str, name: str) -> int:
        """A count of this process: received, written, duplicate, redelivered or acknowledged."""
        with urllib.request.urlopen(f"http://{self._health}/healthz", timeout=10) as page:
            return int(json.load(page)["subjects"][subject].get(name, 0))

    @property
    def is_ready(self) -> bool:
        """Whether every subject is pulled and nothing is in the way."""
        try:
            with urllib.request.urlopen(f"http://{self._health}/readyz", timeout=10):
                return True
        except OSError:
            return False

    @property
    def health_address(self) -> tuple[str, int]:
        """Where its health pages are served."""
        host, _, port = self._health.partition(":")
        return host, int(port)

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def wait_until_running(self) -> None:
        """Wait for its first line, or its end."""
        deadline = time.monotonic() + 60
        while self.is_alive and not self.has_logged("running"):
            assert time.monotonic() < deadline, f"the engine does not start; {self.tail()}"
            threading.Event().wait(0.05)

    def tail(self) -> str:
        """The end of its log."""
        return f"end of {self.log}:\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def kill(self) -> None:
        """SIGKILL, and wait."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and does not know."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def drain(self, seconds: float = 30) -> int:
        """SIGTERM; its exit code."""
        if self.is_alive:
            self.ask_to_stop()
        return self.wait(seconds)

    def wait(self, seconds: float = 60) -> int:
        """Its exit code, once it has ended by itself."""
        try:
            return int(self._process.wait(seconds))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the engine did not end within {seconds:.0f} s; {self.tail()}") from None
