"""``python -m benchmarks``: the same flights through Headrace, the loop and the textbook pipeline."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
from google.pubsub_v1.types import PubsubMessage

from benchmarks import peer_loop
from schemas.envelope import Envelope
from schemas.identity import derive_event_id
from schemas.registry import Registry
from stream.clients import open_bigquery, open_gapic_publisher, open_subscriber
from stream.demo.flights import SUBJECT, flights
from stream.emulators import running_emulators
from stream.names import Names
from stream.processes import tied
from stream.provision import Clients, apply, plan
from tests.builders import encode

EVENTS = int(os.environ.get("BENCH_EVENTS", "40000"))
SLOW_EVENTS = 2000
REPEATED = 20  # every 20th message is sent twice: 5 % duplicates
PAIRS = int(os.environ.get("BENCH_PAIRS", "3"))  # with and without exactly once, one after the other
WARM = 0.1  # the first tenth is not measured: start-up is not throughput


def messages(registry: Registry, count: int) -> Iterator[PubsubMessage]:
    contract = registry.latest(SUBJECT)
    for number, fields in enumerate(flights(count, datetime.now(UTC))):
        envelope = Envelope(derive_event_id(contract, fields) or "", contract.ref, fields["scheduled_at"], "/bench")
        message = PubsubMessage(data=encode(contract, fields), attributes=envelope.to_attributes())
        yield message
        if number % REPEATED == 0:
            yield message


def prepared(project: str, registry: Registry, events: int) -> Names:
    names = Names(project)
    publisher = open_gapic_publisher()
    apply(plan(registry, names, "EU", Clients(publisher, open_subscriber(), open_bigquery(project))))
    source = islice(messages(registry, events), events)
    while chunk := list(islice(source, 500)):
        publisher.publish(topic=names.topic(SUBJECT), messages=chunk)
    return names


def rows(names: Names) -> int:
    query = f"SELECT COUNT(*) AS n FROM {names.sql('flights')}"
    return int(next(iter(open_bigquery(names.project).query_and_wait(query)))["n"])


@contextmanager
def child(command: list[str], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        tied([sys.executable, *command]),
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def rate(count: Callable[[], int], total: int, pid: int) -> dict[str, Any]:
    """Watch *count* grow to *total*: rows a second after the first tenth, and the process's memory."""
    pause, start, at_start, resident = threading.Event(), 0.0, 0, []
    while (now := count()) < total:
        if not start and now > total * WARM:
            start, at_start = time.monotonic(), now
        resident.append(psutil.Process(pid).memory_info().rss >> 20)
        pause.wait(0.1)
    seconds = time.monotonic() - start
    return {"rows_per_second": round((total - at_start) / seconds), "rss_mib": max(resident)}


def pairs(registry: Registry, events: int, key: Path) -> dict[str, dict[str, Any]]:
    """Both engines in turn, each first as often as the other; the median of each."""
    measured: dict[str, list[dict[str, Any]]] = {"headrace": [], "headrace_at_least_once": []}
    for number in range(PAIRS):
        modules = [("headrace", "exactly_once"), ("headrace_at_least_once", "at_least_once")]
        for name, module in modules if number % 2 == 0 else reversed(modules):
            measured[name].append(headrace(registry, events, key, f"benchmarks.{module}", number))
    return {name: _median(runs) for name, runs in measured.items()}


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    rates = [run["rows_per_second"] for run in runs]
    return {
        "events": runs[0]["events"],
        "rows_per_second": round(statistics.median(rates)),
        "runs": rates,
        "rss_mib": max(run["rss_mib"] for run in runs),
    }


def headrace(registry: Registry, events: int, key: Path, module: str, number: int) -> dict[str, Any]:
    names = prepared(f"{module}-{number}".replace(".", "-").replace("_", "-"), registry, events)
    expected = len({m.attributes["ce-id"] for m in islice(messages(registry, events), events)})
    environment = {
        "HEADRACE_PROJECT": names.project,
        "HEADRACE_MASKING_KEY_FILE": str(key),
        "HEADRACE_JOURNAL": str(key.parent / f"{module}-{number}"),
    }
    with child(["-m", module, "run"], **environment) as process:
        measured = rate(lambda: rows(names), expected, process.pid)
    return {"events": events, **measured}


def loop(registry: Registry, events: int) -> dict[str, Any]:
    names = prepared("bench-loop", registry, events)
    client, table = open_bigquery(names.project), f"{names.project}.{names.dataset}.flights"
    schema = registry.latest(SUBJECT).avro
    start = time.monotonic()
    written = peer_loop.run(open_subscriber(), names.subscription(SUBJECT), client, table, schema, events)
    return {"events": events, "rows_per_second": round(written / (time.monotonic() - start))}


def beam(registry: Registry, events: int) -> dict[str, Any]:
    names = prepared("bench-beam", registry, events)
    contract = str(files("schemas") / "avro" / f"{SUBJECT}.v1.avsc")
    table = f"{names.project}.{names.dataset}.flights"
    arguments = [names.project, names.subscription(SUBJECT), table, contract]
    with child(["-m", "benchmarks.peer_beam", *arguments]) as process:
        measured = rate(lambda: rows(names), int(events * 0.95), process.pid)
    return {"events": events, **measured}


def main() -> None:
    registry = Registry.load()
    with tempfile.TemporaryDirectory() as directory, running_emulators(Path(directory)) as emulators:
        os.environ.update(emulators.environment)
        key = Path(directory) / "key"
        key.write_bytes(os.urandom(32))
        figures = {
            **pairs(registry, EVENTS, key),
            "loop": loop(registry, EVENTS // 2),
            "textbook_beam": beam(registry, SLOW_EVENTS),
        }
    ours = figures["headrace"]["rows_per_second"]
    ratios = {name: round(ours / each["rows_per_second"], 2) for name, each in figures.items() if name != "headrace"}
    cost = 1 - ratios["headrace_at_least_once"]
    print(json.dumps({**figures, "ratio": ratios, "exactly_once_costs": f"{cost:.0%}"}, indent=2))


if __name__ == "__main__":
    main()
