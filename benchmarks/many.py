"""One engine with many subjects: how soon it is ready, what it takes when idle, and how long an event takes.

``python -m benchmarks many [--count 500]``. Contracts are those of flights, each with a subject and a table of its own;
topics, subscriptions and tables are made before, which is not counted. The engine is ``headrace run``, seen from
outside: its health port, ``/proc``, and its tables.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks import contracts
from benchmarks.latency import percentile
from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.end_to_end import environment
from headrace.dev.bench.peers import BenchFailedError, child, last_line, provision, publish
from headrace.dev.bench.run_bench import emulators
from headrace.runtime.google_clients import open_bigquery
from headrace.runtime.processes import python
from headrace.schemas.registry import Registry

SUBJECTS: Final = 500
SETTLED_SECONDS: Final = 60.0  # until each table and subscription was looked at once
IDLE_SECONDS: Final = 30.0
SINGLE_EVENTS: Final = 40
LOST_SECONDS: Final = 600.0
_POLL_SECONDS: Final = 0.01
_MIB: Final = 1 << 20


@dataclass(frozen=True)
class Many:
    """Subjects that are provisioned, with messages without end for each."""

    registry: Registry
    subjects: Sequence[str]
    messages: Mapping[str, Iterator[Message]]
    names: Names
    variables: Mapping[str, str]

    def next_of(self, subject: str) -> Message:
        """An event of *subject* that there was not before."""
        return next(self.messages[subject])


class Engine:
    """A running ``headrace run``, seen from outside."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self._process = process
        self._seen = psutil.Process(process.pid)
        self._log = log
        self._url = f"http://127.0.0.1:{port}/readyz"

    def state(self) -> tuple[bool, dict[str, Any]]:
        """Whether it is ready, and what it says of its subjects; nothing before it answers."""
        try:
            with urllib.request.urlopen(self._url, timeout=30) as page:
                return True, json.load(page)["subjects"]
        except urllib.error.HTTPError as error:
            return False, json.load(error)["subjects"]
        except OSError:
            return False, {}

    def wait_until_ready(self) -> None:
        """Wait for 200 at ``/readyz``."""
        self.wait_for(lambda: self.state()[0], 0.25)

    def wait_for(self, holds: Callable[[], bool], every: float) -> None:
        """Wait until something holds; BenchFailedError when the engine ends before that, or nothing happens."""
        pause, until = threading.Event(), time.monotonic() + LOST_SECONDS
        while not holds():
            if self._process.poll() is not None or time.monotonic() > until:
                raise BenchFailedError(f"the engine did not get there; it said: {last_line(self._log)}")
            pause.wait(every)

    def cpu_seconds(self) -> float:
        """Processor time so far."""
        return float(sum(self._seen.cpu_times()[:2]))

    def takes(self) -> dict[str, Any]:
        """Memory and threads at this moment."""
        return {"rss_mib": round(self._seen.memory_info().rss / _MIB), "threads": self._seen.num_threads()}

    def idle(self, seconds: float) -> dict[str, Any]:
        """What it takes for so long when nothing is published."""
        before, began = self.cpu_seconds(), time.monotonic()
        threading.Event().wait(seconds)
        took = time.monotonic() - began
        return {
            "idle_seconds": round(took),
            "idle_cpu_percent": round(100 * (self.cpu_seconds() - before) / took, 2),
            **self.takes(),
        }


def measure(count: int, say: Callable[[str], None], settled: float = SETTLED_SECONDS) -> dict[str, Any]:
    """Start it for the first time, leave it idle, send single events, one to every subject, and start it again."""
    with emulators() as folder, tempfile.TemporaryDirectory() as avro:
        return measured(provisioned(count, folder, Path(avro), say), folder, say, settled)


def provisioned(count: int, folder: Path, avro: Path, say: Callable[[str], None]) -> Many:
    """Contracts in *avro*, and all resources that they need."""
    began = time.monotonic()
    registry, subjects, messages = contracts.many_flights(count)
    for contract in registry:
        (avro / f"{contract.subject}.v1.avsc").write_text(contract.json)
    names = provision(registry, f"bench-many-{count}")
    say(f"  {count} subjects provisioned in {time.monotonic() - began:.0f} s")
    variables = {**environment(names.project, folder), "HEADRACE_CONTRACTS": str(avro)}
    return Many(registry, subjects, messages, names, variables)


def measured(many: Many, folder: Path, say: Callable[[str], None], settled: float) -> dict[str, Any]:
    """The figures of two starts."""
    figures: dict[str, Any] = {"subjects": len(many.subjects)}
    with _running(many, folder, "first") as (engine, ready):
        figures["first"] = ready
        say(f"  first start: {ready}")
        threading.Event().wait(settled)
        figures |= engine.idle(IDLE_SECONDS)
        say(f"  idle: {figures['idle_cpu_percent']} % of a core, {engine.takes()}")
        for name in ("first_event_ms", "event_ms"):  # the first one of a subject opens its stream
            took = [_single(many, subject) for subject in many.subjects[:: -(-len(many.subjects) // SINGLE_EVENTS)]]
            figures[name] = {f"p{percent}": round(percentile(took, percent)) for percent in (50, 95, 100)}
            say(f"  {name}: {figures[name]}")
        figures["all"] = _one_to_every_subject(many, engine)
        say(f"  an event to every subject: {figures['all']}")
        threading.Event().wait(settled)
        figures["afterwards"] = engine.idle(IDLE_SECONDS)
        say(f"  idle afterwards: {figures['afterwards']}")
    with _running(many, folder, "again") as (engine, ready):
        figures["again"] = ready
        say(f"  next start: {ready}")
    return figures


@contextmanager
def _running(many: Many, folder: Path, name: str) -> Iterator[tuple[Engine, dict[str, Any]]]:
    port, log = _free_port(), folder / f"engine-{name}.log"
    began = time.monotonic()
    variables = {**many.variables, "HEADRACE_HEALTH": f"127.0.0.1:{port}"}
    with child(python("headrace", "run"), variables, log) as process:
        engine = Engine(process, log, port)
        engine.wait_until_ready()
        ready = {
            "ready_seconds": round(time.monotonic() - began, 1),
            "ready_cpu_seconds": round(engine.cpu_seconds(), 1),
            **engine.takes(),
        }
        yield engine, ready
        ended = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        process.wait(LOST_SECONDS)
        ready["drain_seconds"] = round(time.monotonic() - ended, 1)


def _single(many: Many, subject: str) -> float:
    """Milliseconds from the publish of one event until a query sees its row."""
    client, message = open_bigquery(many.names.project), many.next_of(subject)
    query = f"SELECT 1 FROM {many.names.sql(subject)} WHERE _event_id = '{message.attributes['ce-id']}'"
    began = time.monotonic()
    publish(many.names, [message])
    while not list(client.query_and_wait(query)):
        if time.monotonic() > began + LOST_SECONDS:
            raise BenchFailedError(f"{subject}: an event did not come to its table")
        threading.Event().wait(_POLL_SECONDS)
    return (time.monotonic() - began) * 1000


def _one_to_every_subject(many: Many, engine: Engine) -> dict[str, Any]:
    """How long it takes until all are acknowledged, and the most that the engine had meanwhile."""
    before, most = _acknowledged(engine), {"rss_mib": 0, "threads": 0}
    messages = [message for subject in many.subjects for message in islice(many.messages[subject], 1)]
    used, began = engine.cpu_seconds(), time.monotonic()
    publish(many.names, messages)
    published = time.monotonic()

    def done() -> bool:
        most.update({name: max(most[name], value) for name, value in engine.takes().items()})
        return _acknowledged(engine) - before >= len(messages)

    engine.wait_for(done, 0.5)
    return {
        "publish_seconds": round(published - began, 1),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(engine.cpu_seconds() - used, 1),
        "most_threads": most["threads"],
        "most_rss_mib": most["rss_mib"],
    }


def _acknowledged(engine: Engine) -> int:
    return sum(int(each.get("acknowledged", 0)) for each in engine.state()[1].values())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
