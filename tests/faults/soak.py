"""``make soak``: an hour of steady events with a fault each minute, and what the engine grows by meanwhile.

Samples go to a file in ``.headrace/soak`` as they are taken. At the end the oracle judges, and the report is written.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

from headrace.dev.emulators import running_emulators
from tests.faults import soak_report
from tests.faults.mix import Message, Mix
from tests.faults.places import Places
from tests.faults.proxy import a_proxy
from tests.faults.soak_faults import FAULTS, Scene, drawn
from tests.faults.steady import Sample, beside, look_steadily, publish_steadily
from tests.faults.world import World, a_world

SECONDS: Final = float(os.environ.get("SOAK_SECONDS", "3600"))
RATE: Final = float(os.environ.get("SOAK_EVENTS_PER_SECOND", "200"))
FAULT_SECONDS: Final = float(os.environ.get("SOAK_FAULT_SECONDS", "60"))
FOLDER: Final = Path(os.environ.get("SOAK_FOLDER", ".headrace/soak")).resolve()
SAMPLE_SECONDS: Final = 5.0
EARLY: Final = 1 / 6  # of the whole: the process may end
WARM_UP: Final = 1 / 4
BLOCK: Final = 400
SETTINGS: Final = {
    "append_seconds": "20",
    "lease_seconds": "5",
    "round_messages": "1000",
    "ids_remembered": "20000",  # two generations of flights are full in less than two minutes
    "log_format": "json",
}


def endless(mix: Mix) -> Iterator[Message]:
    """Flights and bookings with faults among them; an event's second message stays within its block."""
    for block in mix.blocks(BLOCK):
        mix.chance.shuffle(block)
        yield from block


def run_faults(scene: Scene, names: Sequence[str], began: float, samples: Sequence[Sample]) -> list[tuple[float, str]]:
    """One fault at each interval, and a line for it; returns when each began."""
    done: list[tuple[float, str]] = []
    world = scene.world
    for number, name in enumerate(names, start=1):
        _wait_until(began + number * FAULT_SECONDS, world)
        world.collect_letters()
        done.append((round(time.monotonic() - began, 1), name))
        FAULTS[name](scene)
        print(_progress(number, name, world, samples), flush=True)
    _wait_until(began + SECONDS, world)
    return done


def _wait_until(moment: float, world: World) -> None:
    while time.monotonic() < moment:
        engine = world.engines[-1]
        assert engine.is_alive, f"the engine ended with code {engine.wait()}; {engine.tail()}"
        threading.Event().wait(min(0.5, max(0.0, moment - time.monotonic())))


def _progress(number: int, name: str, world: World, samples: Sequence[Sample]) -> str:
    last = samples[-1]
    return (
        f"{number * FAULT_SECONDS / 60:5.1f} min  {name:<40} {len(world.sent):>9,} events  {last.rss_mib:5.0f} MiB  "
        f"{last.threads:3} threads  {last.fds:3} fds  journal {last.journal // 1024:,} KiB"
    )


def soak(scene: Scene, file: Path) -> soak_report.Soak:
    """Run it all; raises AssertionError with what the oracle found."""
    world, samples = scene.world, list[Sample]()

    def keep(taken: Sample) -> None:
        samples.append(taken)
        with file.open("a") as lines:
            lines.write(json.dumps(asdict(taken)) + "\n")

    count = max(1, int(SECONDS / FAULT_SECONDS) - 1)
    names = drawn(world.seed, count, early=max(2, int(count * EARLY)))
    world.start()
    began = time.monotonic()
    with (
        beside(partial(look_steadily, world, began, SAMPLE_SECONDS, keep)),
        beside(partial(publish_steadily, world, endless(world.mix), RATE)),
    ):
        faults = run_faults(scene, names, began, samples)
    evidence = world.settle(world.engines[-1], seconds=900, quiet=90)
    world.check(evidence)
    return soak_report.Soak(
        seed=world.seed,
        seconds=SECONDS,
        warm_up=SECONDS * WARM_UP,
        events=len(world.sent),
        rows=len(evidence.rows),
        letters=len({letter.probe for letter in evidence.letters}),
        faults=faults,
        samples=samples,
    )


def main() -> int:
    """Soak, judge and report; 1 when something was wrong."""
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(10**8))
    folder, file = FOLDER / f"run-{seed}", FOLDER / f"soak-{seed}.ndjson"
    shutil.rmtree(folder, ignore_errors=True)
    file.unlink(missing_ok=True)
    folder.mkdir(parents=True)
    print(f"seed {seed}; samples: {file}", flush=True)
    with (
        running_emulators(folder) as emulators,
        a_proxy(emulators.pubsub_host) as pubsub,
        a_proxy(emulators.bigquery_rest) as rest,
        a_proxy(emulators.bigquery_grpc) as grpc,
        a_world(folder, seed, f"soak-{seed}", Places.of(emulators), **SETTINGS) as world,
    ):
        scene = Scene(world, pubsub, rest, grpc)
        world.route = scene.route
        try:
            done = soak(scene, file)
        except AssertionError as wrong:
            print(f"soak, seed {seed}: {wrong}")
            return 1
    print(f"report: {soak_report.write(done)}")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
