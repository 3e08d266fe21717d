"""From publish to queryable: every event's time until a query sees its row, at a steady rate.

The loop is open: events are due by the clock, and an event that had to wait for its turn has waited. What is seen is
what a query has returned, and the time is when it returned; so the time of one query is in every figure.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil
from google.cloud import bigquery

from benchmarks import contracts
from headrace.core.resource_names import Names
from headrace.dev.bench.end_to_end import environment
from headrace.dev.bench.figures import spread
from headrace.dev.bench.peers import BenchFailedError, child, last_line, module, provision
from headrace.dev.bench.run_bench import emulators
from headrace.runtime import processes
from headrace.runtime.google_clients import open_bigquery

SECONDS: Final = {10: 60, 1_000: 30, 3_000: 20}  # by events a second
LEAD_SECONDS: Final = 4.0  # the sender starts meanwhile
LOST_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.005
WARM: Final = 0.1
READY: Final = "remembers"  # what the engine's log says when it is about to pull
PERCENTILES: Final = (50, 90, 95, 99, 100)


class Seen:
    """When each event was seen in the table: at *start* + n / *rate* number n is due."""

    def __init__(self, client: bigquery.Client, names: Names, start: float, rate: float, count: int) -> None:
        self._client = client
        self._query = f"SELECT _event_time FROM {names.sql('flights')} WHERE _event_time >= "
        self._start, self._rate, self._count = start, rate, count
        self._first_unseen = 0
        self.moments: dict[int, float] = {}
        self.polls: list[float] = []

    def poll(self) -> None:
        """Ask for the rows from the first event on that was not seen yet."""
        since = datetime.fromtimestamp(self._start + (self._first_unseen - 0.5) / self._rate, UTC)
        began = time.time()
        # Of a query on the emulator nearly all is reading the SQL: a function more is a third more time.
        rows = list(self._client.query_and_wait(f"{self._query}'{since:%Y-%m-%d %H:%M:%S.%f}'"))
        now = time.time()
        self.polls.append((now - began) * 1000)
        for row in rows:
            number = round((row["_event_time"].timestamp() - self._start) * self._rate)
            self.moments.setdefault(number, now)
        while self._first_unseen in self.moments:
            self._first_unseen += 1

    @property
    def all_(self) -> bool:
        """Whether every event was seen."""
        return self._first_unseen >= self._count

    def milliseconds(self) -> list[float]:
        """How long each event took, the first ones left out."""
        warm = int(self._count * WARM)
        return [
            (self.moments[number] - self._start - number / self._rate) * 1000 for number in range(warm, self._count)
        ]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of *values* that so many percent of them do not exceed.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 50), percentile([1.0, 2.0], 100)
    (2.0, 2.0)
    """
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1).__int__()]


def measure(rates: Sequence[int], say: Callable[[str], None]) -> list[dict[str, Any]]:
    """The distribution at each of *rates*, in events a second."""
    figures = []
    for rate in rates:
        with emulators() as folder:
            figures.append(_at(rate, rate * SECONDS.get(rate, 20), folder))
        shown = ", ".join(f"p{percent} {figures[-1][f'p{percent}_ms']:,.0f}" for percent in PERCENTILES)
        say(f"  {rate:>6,} events/s: {shown} ms")
    return figures


def _at(rate: int, count: int, folder: Path) -> dict[str, Any]:
    registry, subject = contracts.flights()
    names = provision(registry, f"bench-latency-{rate}")
    log = folder / "engine.log"
    with child(module("run_engine", subject, str(count)), environment(names.project, folder), log) as engine:
        drain = threading.Thread(target=_read_all, args=(engine,), daemon=True)
        drain.start()
        _wait_until_ready(engine, log)
        start = time.time() + LEAD_SECONDS
        sender = _sender(names.project, rate, count, start)
        seen = Seen(open_bigquery(names.project), names, start, rate, count)
        used = _engine_seconds(engine, start, seen, count / rate)
        sent_late = json.loads(sender.communicate(timeout=LOST_SECONDS)[0])
    took = seen.milliseconds()
    return {
        "rate": rate,
        "events": count,
        "measured": len(took),
        **{f"p{percent}_ms": round(percentile(took, percent), 1) for percent in PERCENTILES},
        "quantiles_ms": [round(percentile(took, number / 2), 1) for number in range(1, 201)],
        "query_ms": round(spread(seen.polls).median, 1),
        "sent_late_p99_ms": round(percentile(sent_late, 99), 1),
        "engine_cpu_percent": round(100 * used / (count / rate), 1),
    }


def _engine_seconds(engine: subprocess.Popen[bytes], start: float, seen: Seen, seconds: float) -> float:
    """Poll until everything was seen; how many processor seconds the engine took."""
    process, pause = psutil.Process(engine.pid), threading.Event()
    pause.wait(max(0.0, start - time.time()))
    before = sum(process.cpu_times()[:2])
    while not seen.all_:
        if time.time() > start + seconds + LOST_SECONDS:
            raise BenchFailedError(f"a minute after the last of {seconds:.0f} s of events some were not in the table")
        seen.poll()
        pause.wait(POLL_SECONDS)
    return float(sum(process.cpu_times()[:2]) - before)


def _sender(project: str, rate: int, count: int, start: float) -> subprocess.Popen[bytes]:
    command = processes.python("benchmarks.sender", project, str(rate), str(count), str(start))
    return processes.start(command, stdout=subprocess.PIPE)


def _read_all(process: subprocess.Popen[bytes]) -> None:
    for _ in process.stdout or ():
        pass


def _wait_until_ready(engine: subprocess.Popen[bytes], log: Path) -> None:
    pause, until = threading.Event(), time.monotonic() + LOST_SECONDS
    while READY not in log.read_text():
        if engine.poll() is not None or time.monotonic() > until:
            raise BenchFailedError(f"the engine did not start; it said: {last_line(log)}")
        pause.wait(0.1)
