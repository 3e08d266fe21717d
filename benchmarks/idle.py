"""What an engine takes that has nothing to do: its processor time and how often its threads wake up, over a minute."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.latency import READY
from headrace.dev.bench.end_to_end import environment
from headrace.dev.bench.peers import BenchFailedError, child, last_line, module, provision
from headrace.dev.bench.run_bench import emulators
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

SETTLED_SECONDS: Final = 15.0


def measure(seconds: float = 60.0) -> dict[str, Any]:
    """Percent of one core, with the sample contracts and empty subscriptions."""
    with emulators() as folder:
        names = provision(Registry.load(SAMPLES), "bench-idle")
        log = folder / "engine.log"
        with child(module("run_engine", "all", "1"), environment(names.project, folder), log) as engine:
            _wait(SETTLED_SECONDS)
            if READY not in log.read_text():
                raise BenchFailedError(f"the engine did not start; it said: {last_line(log)}")
            process = psutil.Process(engine.pid)
            before, woken, began = process.cpu_times(), _wakeups(engine.pid), time.monotonic()
            _wait(seconds)
            after, took = process.cpu_times(), time.monotonic() - began
            return {
                "seconds": round(took),
                "subjects": len(Registry.load(SAMPLES).subjects),
                "cpu_percent": round(100 * (after.user + after.system - before.user - before.system) / took, 2),
                "wakeups_a_second": round((_wakeups(engine.pid) - woken) / took, 1),
                "threads": process.num_threads(),
            }


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def _wakeups(pid: int) -> int:
    """How often the threads of *pid* have waited for something and gone on."""
    states = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    lines = [line for state in states for line in state.splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
