"""``python -m benchmarks [PART...]``: measure, keep the figures as JSON, and make plots and tables of them.

Parts are ``bench``, ``latency``, ``idle``, ``many``, ``commands``, ``backfill``, ``pubsub``, ``growth`` or one of its
curves, and ``page``, which measures nothing; without any, all of them. What was not measured this time stays as it was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import commands, growth, idle, java_client, latency, many, pubsub_services
from benchmarks.page import write_pages
from benchmarks.plots import draw
from headrace.dev.bench.children import in_child
from headrace.dev.bench.machine import describe_machine
from headrace.dev.bench.requirements import check_needs
from headrace.dev.bench.run_bench import BenchPlan
from headrace.dev.bench.run_bench import measure as measure_bench
from headrace.dev.pubsub_services import is_google_emulator_installed

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "docs" / "reports" / "performance"
PARTS: Final = ("bench", "producer", "latency", "idle", "many", "commands", "backfill", "pubsub", "growth")


def measure(part: str, quick: bool, count: int, beside: str | None, say: Callable[[str], None]) -> Any:
    """The figures of one part; *count* is how many subjects are many, *beside* the Python of another release."""
    match part:
        case "bench":
            return measure_bench(BenchPlan.of(quick=quick, steps=False, profile=True, producer=False))
        case "producer":
            found = measure_bench(BenchPlan.of(quick=quick, steps=False, profile=False, producer=True))
            return {**found, "java": java_client.measure(quick, say)}
        case "latency":
            return {"rates": latency.measure(list(latency.SECONDS), say)}
        case "idle":
            return idle.measure()
        case "many":
            return many.measure(count, say)
        case "pubsub":
            return pubsub_services.measure(quick, say)
        case "commands":
            return commands.measure(beside, say, rounds=3 if quick else commands.ROUNDS)
        case "backfill":
            return in_child("benchmarks.backfill", FLIGHTS=os.environ.get("FLIGHTS", "100000"))
        case _:
            return {part: growth.grow(growth.CURVES[part], quick, say)}


def keep(part: str, figures: dict[str, Any], folder: Path) -> None:
    """Write *figures* down; those of one curve replace that curve alone."""
    name = "growth" if part in growth.CURVES else part
    file = folder / f"{name}.json"
    before = json.loads(file.read_text()) if part in growth.CURVES and file.exists() else {}
    file.write_text(json.dumps({**before, **figures}, indent=1) + "\n")


def main(arguments: Sequence[str]) -> None:
    """Do what *arguments* say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="*", help=", ".join([*PARTS, *growth.CURVES, "page"]))
    parser.add_argument("--quick", action="store_true", help="fewer events and rounds; of curves the first points")
    parser.add_argument("--count", type=int, default=many.SUBJECTS, help="subjects of the part `many`")
    parser.add_argument("--beside", help="Python of another release, which `commands` measures in turn")
    asked = parser.parse_args(arguments)
    unknown = [part for part in asked.part if part not in {*PARTS, *growth.CURVES, "page"}]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    parts = [
        one for part in asked.part or PARTS if part != "page" for one in (growth.CURVES if part == "growth" else [part])
    ]
    if "pubsub" in parts and not is_google_emulator_installed():
        _say("left out: pubsub, because Google's Pub/Sub emulator is missing")
        parts.remove("pubsub")
    if parts:
        check_needs(emulators=True, profile="bench" in parts)
    FOLDER.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONPATH"] = str(ROOT)  # child processes run modules of this folder
    for part in parts:
        began = time.monotonic()
        _say(f"{part} ...")
        machine = describe_machine()
        keep(part, {"machine": machine, **measure(part, asked.quick, asked.count, asked.beside, _say)}, FOLDER)
        _say(f"{part}: {time.monotonic() - began:.0f} s")
    draw(FOLDER)
    write_pages(ROOT, FOLDER)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
