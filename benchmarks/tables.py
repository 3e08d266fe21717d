"""The engine on the emulators with more and more tables: the same events, spread evenly."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks import contracts
from headrace.dev.bench.end_to_end import environment
from headrace.dev.bench.peers import child, measured, module, provision, publish, watch
from headrace.dev.bench.run_bench import emulators

EVENTS: Final = 20_000


def tables_point(value: int) -> dict[str, Any]:
    """The engine's processor time an event, rate, memory and threads with *value* subjects and their tables."""
    registry, names, messages = contracts.many_flights(value)
    with emulators() as folder, tempfile.TemporaryDirectory() as avro:
        for contract in registry:
            (Path(avro) / f"{contract.subject}.v1.avsc").write_text(contract.json)
        place = provision(registry, f"bench-tables-{value}")
        sent = [message for name in names for message in islice(messages[name], EVENTS // value)]
        publish(place, sent)
        variables = {**environment(place.project, folder), "HEADRACE_CONTRACTS": avro}
        with child(module("run_engine", "all", str(len(sent))), variables, folder / "engine.log") as process:
            ticks, used = watch(process, len(sent), "run_engine", folder / "engine.log")
            threads = psutil.Process(process.pid).num_threads()
    run = measured(ticks, used, 0, 0)
    cpu = run.rate.cpu_seconds_per_million
    return {
        "us": round(cpu, 3),
        "us_quartiles": [cpu, cpu],
        "rss_mib": round(run.rate.rss_mib, 1),
        "eps": round(run.rate.eps),
        "threads": threads,
    }
