"""One emulator each, which a test may kill and start again at the same address."""

from __future__ import annotations

import abc
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from headrace.dev import emulators
from headrace.dev.pubsub_services import PubsubService


class Server(abc.ABC):
    """A process that listens; *start* waits until it answers."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command, self._log = command, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait for it."""
        self._process = emulators._start(self._command, self._log)
        emulators._wait_until(self.answers, self._process, self._log)

    @abc.abstractmethod
    def answers(self) -> bool:
        """Whether it is there."""

    def kill(self) -> None:
        """SIGKILL it and all it started."""
        if self._process is None:
            return
        family = psutil.Process(self._process.pid)
        for member in [*family.children(recursive=True), family]:
            member.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def freeze(self, seconds: float) -> None:
        """Stop it with SIGSTOP, and let it go on after so many seconds."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it as the service itself does."""
        if self._process is not None:
            emulators._end(self._process)
            self._process = None


class PubSub(Server):
    """A Pub/Sub: the local broker keeps its data across a restart, Google's emulator does not."""

    def __init__(self, folder: Path, service: PubsubService) -> None:
        (port,) = emulators.free_ports(1)
        self.address = f"127.0.0.1:{port}"
        super().__init__(service.command(self.address, folder), folder / "pubsub.log")

    def answers(self) -> bool:
        return emulators._listens(self.address)


class BigQuery(Server):
    """The BigQuery emulator, with its tables in a file: they survive a restart, its write streams do not."""

    def __init__(self, log: Path, data: Path) -> None:
        self.rest, self.grpc = (f"127.0.0.1:{port}" for port in emulators.free_ports(2))
        flags = [*emulators._bigquery_flags(self.rest, self.grpc), "--persistent", "--data-dir", str(data)]
        super().__init__([*emulators._bigquery_command(), *flags], log)

    def answers(self) -> bool:
        return emulators._answers(f"http://{self.rest}/readyz") and emulators._listens(self.grpc)


@contextmanager
def a_bigquery(folder: Path) -> Iterator[BigQuery]:
    """A BigQuery emulator of one's own, started."""
    data = folder / "bigquery"
    data.mkdir(parents=True)
    server = BigQuery(folder / "bigquery.log", data)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def a_pubsub(folder: Path, service: PubsubService) -> Iterator[PubSub]:
    """A Pub/Sub of one's own, started."""
    folder.mkdir(parents=True, exist_ok=True)
    server = PubSub(folder, service)
    try:
        server.start()
        yield server
    finally:
        server.stop()
