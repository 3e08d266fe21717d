"""Publish messages, start a process that moves them, watch it until all are done, and measure it.

Everything uses the emulators that the environment names.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from google.pubsub_v1.types import PubsubMessage

from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.ticks import Rate, Tick, first_counted, rate_of, read_ticks
from headrace.errors import Exit, HeadraceError
from headrace.provision import Clients, apply, plan
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.runtime.processes import python, start
from headrace.schemas.registry import Registry

REQUEST_MESSAGES: Final = 500
STALLED_SECONDS: Final = 120.0
DRAIN_SECONDS: Final = 60.0


class BenchFailedError(HeadraceError, RuntimeError, error_code="HR-915", exit_code=Exit.UNREACHABLE):
    """A measured process exited or stalled. The message names it."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contender.

    It has the rate, and the processor seconds a million events that :func:`others` used. *rows* is the number of rows
    in the table, *ids* that of different ids that were sent.
    """

    rate: Rate
    others: dict[str, float]
    rows: int
    ids: int


def provision(registry: Registry, project: str) -> Names:
    """Make topics, subscriptions and tables for *registry* in *project*."""
    names = Names(project)
    apply(plan(registry, names, "EU", Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(project))))
    return names


def publish(names: Names, messages: Sequence[Message]) -> None:
    """Publish *messages*, each to the topic of its subject."""
    publisher = open_gapic_publisher()
    waiting: dict[str, list[PubsubMessage]] = {}
    for message in messages:
        request = waiting.setdefault(message.subject, [])
        request.append(PubsubMessage(data=message.data, attributes=dict(message.attributes)))
        if len(request) == REQUEST_MESSAGES:
            publisher.publish(topic=names.topic(message.subject), messages=waiting.pop(message.subject))
    for subject, request in waiting.items():
        publisher.publish(topic=names.topic(subject), messages=request)


def count_rows(names: Names, table: str) -> int:
    """Return the number of rows of *table*."""
    query = f"SELECT COUNT(*) AS n FROM {names.sql(table)} WHERE _event_time >= TIMESTAMP '0001-01-01'"  # noqa: S608
    return int(next(iter(open_bigquery(names.project).query_and_wait(query)))["n"])


def module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this package."""
    return python(f"headrace.dev.bench.{name}", *arguments)


@contextmanager
def child(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[Any]:
    """Run *command* with its stdout as a pipe; it is stopped afterwards, and it ends with this process."""
    with log.open("ab") as errors:
        process = start(
            command,
            environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=DRAIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def watch(
    process: subprocess.Popen[bytes],
    total: int,
    what: str,
    log: Path,
    reached: Callable[[int], None] = lambda done: None,
) -> tuple[list[Tick], list[dict[str, float]]]:
    """Read the ticks of *process* until *total* messages are done; with each, the processor time of the others so far.

    *reached* is called with the number of messages done.

    Raises:
        BenchFailedError: the process ended early, or made no progress for two minutes.
    """
    ticks: list[Tick] = []
    used: list[dict[str, float]] = []
    members = others()
    timer = _Watchdog(process)
    try:
        for tick in read_ticks(process.stdout or (), total):
            ticks.append(tick)
            used.append(seconds_of(members))
            reached(tick.done)
            timer.restart()
    finally:
        timer.cancel()
    if not ticks or ticks[-1].done < total:
        done = ticks[-1].done if ticks else 0
        raise BenchFailedError(f"{what}: stopped at {done:,} of {total:,} messages; its last line: {last_line(log)}")
    return ticks, used


def last_line(log: Path) -> str:
    """Return the last line of a process's log, which is deleted with the run."""
    return (log.read_text(errors="replace").strip().splitlines() or ["nothing"])[-1]


class _Watchdog:
    """Timer that kills a process without progress."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._start()

    def _start(self) -> None:
        self._timer = threading.Timer(STALLED_SECONDS, self._process.kill)
        self._timer.daemon = True
        self._timer.start()

    def restart(self) -> None:
        self._timer.cancel()
        self._start()

    def cancel(self) -> None:
        self._timer.cancel()


def measured(ticks: Sequence[Tick], used: Sequence[Mapping[str, float]], rows: int, ids: int) -> Run:
    """Return the figures of one run. Raises ValueError if it was too short."""
    rate = rate_of(ticks)
    first, last = first_counted(ticks), -1
    count = ticks[last].done - ticks[first].done
    beside = {name: round((used[last][name] - used[first][name]) / count * 1e6, 1) for name in used[last]}
    return Run(rate, beside, rows, ids)


def others() -> dict[str, list[psutil.Process]]:
    """Return the processes beside a contender: this one, which publishes, and the emulators that it started."""
    found: dict[str, list[psutil.Process]] = {
        "pubsub_emulator": [],
        "bigquery_emulator": [],
        "publishing": [psutil.Process()],
    }
    for each in psutil.Process().children(recursive=True):
        try:
            line = " ".join(each.cmdline())
        except psutil.NoSuchProcess:
            continue
        if "cloud-pubsub-emulator" in line or "headrace.dev.broker" in line:
            found["pubsub_emulator"].append(each)
        elif "bigquery-emulator" in line:
            found["bigquery_emulator"].append(each)
    return found


def seconds_of(members: Mapping[str, Sequence[psutil.Process]]) -> dict[str, float]:
    """Return the processor seconds that each has used."""
    return {name: sum(sum(each.cpu_times()[:2]) for each in processes) for name, processes in members.items()}
