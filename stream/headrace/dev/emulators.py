"""Start a Pub/Sub and the BigQuery emulator as child processes, wait for them, and stop them with their children."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Final, TypeVar

import psutil

from headrace.dev.bigquery_environment import emulator_files, emulator_python
from headrace.dev.local_folder import LOCK
from headrace.dev.pubsub_services import BROKER_FILES, JAVA, EmulatorMissingError, PubsubService
from headrace.errors import Exit, HeadraceError
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB
from headrace.runtime.processes import start

START_SECONDS: Final = 90.0
STARTS: Final = 3
END_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05
_PORTS: Final = 3
_PUBSUB_LOG: Final = "pubsub.log"
_BIGQUERY_LOG: Final = "bigquery-emulator.log"
VARIABLES: Final = "emulators.env"  # of `headrace up`
PORTS: Final = "ports"  # of the last `headrace up`: terminals that know them can go on
FILES: Final = (_PUBSUB_LOG, _BIGQUERY_LOG, VARIABLES, PORTS, LOCK, *BROKER_FILES)  # in the folder of `headrace up`
T = TypeVar("T")


class EmulatorFailedError(HeadraceError, RuntimeError, error_code="HR-912", exit_code=Exit.UNREACHABLE):
    """An emulator exited before it was ready. The message names its log."""


@dataclass(frozen=True, slots=True)
class Emulators:
    """Addresses of the emulators, each as ``127.0.0.1:port``."""

    pubsub_host: str
    bigquery_rest: str
    bigquery_grpc: str

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for every client.

        Google's BigQuery client needs an address with a scheme; the others need one without.
        """
        return {
            PUBSUB: self.pubsub_host,
            BIGQUERY: f"http://{self.bigquery_rest}",
            BIGQUERY_STORAGE: self.bigquery_grpc,
        }


def check_emulators(pubsub: PubsubService) -> None:
    """Check that both can be started. Raises EmulatorMissingError."""
    pubsub.command("127.0.0.1:0", Path())
    _bigquery_command()


@contextmanager
def running_emulators(
    folder: Path, pubsub: PubsubService | None = None, before: Sequence[int] = ()
) -> Iterator[Emulators]:
    """Start both emulators, wait until they answer, and stop them and all their children afterwards.

    They stop with this process too, however it ends. Their output, and what the local broker keeps, goes to *folder*.
    Without *pubsub*, the environment decides. They get the ports of *before*, if there are three and all are free.

    Raises:
        EmulatorMissingError: something that an emulator needs is not installed.
        EnvironmentFailedError: the BigQuery emulator cannot be installed.
        EmulatorFailedError: an emulator exited, or did not answer in time.
    """
    chosen = pubsub or PubsubService.chosen()
    check_emulators(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    with _running(partial(_start_both, chosen, folder, before)) as emulators:
        yield emulators


@contextmanager
def running_pubsub(folder: Path, service: PubsubService = PubsubService.BROKER) -> Iterator[str]:
    """Start a Pub/Sub alone, as :func:`running_emulators` does, and yield its address."""
    folder.mkdir(parents=True, exist_ok=True)
    with _running(partial(_start_pubsub, service, folder)) as address:
        yield address


@contextmanager
def _running(start_all: Callable[[list[subprocess.Popen[bytes]]], T]) -> Iterator[T]:
    """Yield what *start_all* returns, and end the processes that it has appended to its argument."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for tries_left in reversed(range(STARTS)):
            try:
                started = start_all(processes)
                break
            except EmulatorFailedError:  # another process may have taken a port that was free
                _end_all(processes)
                if not tries_left:
                    raise
        yield started
    finally:
        _end_all(processes)


def _start_pubsub(service: PubsubService, folder: Path, processes: list[subprocess.Popen[bytes]]) -> str:
    (port,) = free_ports(1)
    address, log = f"127.0.0.1:{port}", folder / _PUBSUB_LOG
    processes.append(_start(service.command(address, folder), log))
    _wait_until(lambda: _listens(address), processes[0], log)
    return address


def _start_both(
    service: PubsubService, folder: Path, before: Sequence[int], processes: list[subprocess.Popen[bytes]]
) -> Emulators:
    ports = before if len(before) == _PORTS and all(map(_is_free, before)) else free_ports(_PORTS)
    pubsub, rest, grpc = (f"127.0.0.1:{port}" for port in ports)
    pubsub_log, bigquery_log = folder / _PUBSUB_LOG, folder / _BIGQUERY_LOG
    processes.append(_start(service.command(pubsub, folder), pubsub_log))
    processes.append(_start([*_bigquery_command(), *_bigquery_flags(rest, grpc)], bigquery_log))
    _wait_until(lambda: _listens(pubsub), processes[0], pubsub_log)
    _wait_until(lambda: _answers(f"http://{rest}/readyz") and _listens(grpc), processes[1], bigquery_log)
    return Emulators(pubsub, rest, grpc)


def _end_all(processes: list[subprocess.Popen[bytes]]) -> None:
    while processes:
        _end(processes.pop())


def _bigquery_command() -> list[str]:
    return [str(emulator_python()), "-I", str(emulator_files() / "launch.py")]


def _bigquery_flags(rest: str, grpc: str) -> list[str]:
    ports = ["--rest-port", rest.split(":")[1], "--grpc-port", grpc.split(":")[1]]
    return ["start", *ports, "--project", "headrace-demo"]


def free_ports(count: int) -> list[int]:
    """Return free ports of this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except (OSError, OverflowError):  # in use, or no port at all
        return False
    return True


def _start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return start(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C must not reach the emulators: they stop after the job has drained
        )


def _wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    pause = threading.Event()
    for _ in range(int(START_SECONDS / _POLL_SECONDS)):
        if process.poll() is not None:
            _check_java(log)
            raise EmulatorFailedError(f"an emulator exited with code {process.returncode}; see {log}")
        if ready():
            return
        pause.wait(_POLL_SECONDS)
    raise EmulatorFailedError(f"an emulator did not answer within {START_SECONDS:.0f} s; see {log}")


def _check_java(log: Path) -> None:
    """Check the log for the error of a Java that is too old. Raises EmulatorMissingError."""
    if "UnsupportedClassVersionError" in log.read_text("utf-8", "replace"):
        raise EmulatorMissingError(
            f"Java is too old: {JAVA} and put it first on PATH; `java -version` prints its version"
        )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 our own http address
            return True
    except (OSError, HTTPException):  # the second: another server has taken the port, and speaks another protocol
        return False


def _listens(address: str) -> bool:
    """Return whether a port is open: the BigQuery emulator serves REST before it opens its gRPC port."""
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            return True
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process with its children. Where /proc is missing, psutil sees no children: they end with their parent."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        children = []
    process.terminate()
    for child in children:
        _signal(child, signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(children, timeout=END_SECONDS)
    for child in alive:
        _signal(child, signal.SIGKILL)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
