"""``python -m tests.faults.operations``: how soon the first row appears after a kill, and how long a drain takes.

Each engine starts cold, as after a crash in production. The last line is one JSON object; the oracle has the last word.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from headrace.dev.emulators import running_emulators
from tests.faults.engine import Engine
from tests.faults.places import Places
from tests.faults.world import World, a_world

KILLS = int(os.environ.get("OPERATIONS_KILLS", "20"))
DRAINS = int(os.environ.get("OPERATIONS_DRAINS", "100"))
IN_FLIGHT = 10_000
SUBJECT = "flight_departed"
SETTINGS = {"append_seconds": "20", "lease_seconds": "10", "round_messages": "5000", "log_format": "json"}


def count(engine: Engine, name: str) -> int:
    """A count of the engine's own; 0 while it does not answer yet."""
    try:
        return engine.counted(SUBJECT, name)
    except OSError:
        return 0


def seconds_until(engine: Engine, name: str, least: int) -> float:
    """Seconds from now until the engine has counted so many."""
    began = time.monotonic()
    while count(engine, name) < least:
        assert engine.is_alive, engine.tail()
        assert time.monotonic() - began < 120, engine.tail()
        threading.Event().wait(0.05)
    return time.monotonic() - began


def first_rows(world: World) -> list[float]:
    """Kill at random moments, and wait for the first row that the next engine writes."""
    taken, chance = [], random.Random(world.seed)
    for _ in range(KILLS):
        world.publish(world.mix.everything(flights=2000, booked=0))
        engine = world.start(wait=False)
        taken.append(seconds_until(engine, "written", 1))
        threading.Event().wait(chance.uniform(0, 1))
        world.kill(engine)
    return taken


def drains(world: World) -> list[float]:
    """SIGTERM while thousands of messages are in flight."""
    taken = []
    for _ in range(DRAINS):
        waiting = len(world.sent) - world.count(SUBJECT)  # more than what one engine takes would only grow
        world.publish([world.mix.flight() for _ in range(max(0, 2 * IN_FLIGHT - waiting))])
        engine = world.start(wait=False)
        seconds_until(engine, "received", 1)
        began = time.monotonic()
        assert engine.drain(60) == 0, engine.tail()
        taken.append(time.monotonic() - began)
    return taken


def main() -> int:
    """Measure, then let the oracle judge."""
    seed = random.SystemRandom().randrange(10**8)
    with tempfile.TemporaryDirectory() as name, running_emulators(Path(name)) as emulators:
        places = Places.of(emulators)
        with a_world(Path(name), seed, f"operations-{seed}", places, **SETTINGS) as world:
            first, drained = first_rows(world), drains(world)
            world.check(world.settle(world.start(), seconds=600))
    report = {
        "seed": seed,
        "kills": KILLS,
        "first_row_seconds": {"median": statistics.median(first), "p95": sorted(first)[int(0.95 * (len(first) - 1))]},
        "drains": DRAINS,
        "in_flight": IN_FLIGHT,
        "drain_seconds": {"median": statistics.median(drained), "longest": max(drained)},
        "violations": 0,
    }
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
