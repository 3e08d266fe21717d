"""Measure processor time of each step in microseconds an event, for Headrace and the textbook path, chunk by chunk.

``python -m headrace.dev.bench.step_costs <subject> <file>`` prints one JSON object;
:func:`~headrace.dev.bench.bench_events.keep` writes the file. It is a separate process, so that neither gRPC's threads
nor earlier measurements affect it.
"""

from __future__ import annotations

import gc
import json
import os
import pathlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from headrace.core.message import Message
from headrace.dev.bench.bench_events import kept
from headrace.dev.bench.figures import beside
from headrace.dev.bench.own_steps import Ours
from headrace.dev.bench.textbook import Textbook
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

STEPS: Final = ("decode", "mask", "dedupe", "row")
TOTAL: Final = "total"
CHUNK: Final = 2000  # messages; the median round of the engine under load is somewhat larger
WARM: Final = 2  # chunks that compile, fill caches and are not counted


Path = Mapping[str, Callable[[Any], Any]]
Took = dict[str, float]


def path_of(carrier: Any) -> Path:
    """Return the steps of *carrier* in their order."""
    return {name: getattr(carrier, name) for name in STEPS}


def timed(path: Path, chunk: Sequence[Message], clock: Callable[[], int] = time.process_time_ns) -> Took:
    """Run *chunk* through *path*; return microseconds an event of each step and in total, by *clock* in nanoseconds."""
    took, value = {}, chunk
    for name, step in path.items():
        began = clock()
        value = step(value)
        took[name] = (clock() - began) / 1000 / len(chunk)
    took[TOTAL] = sum(took.values())
    return took


def interleaved(ours: Path, peer: Path, chunks: Sequence[Sequence[Message]]) -> tuple[list[Took], list[Took]]:
    """Run each chunk through both paths in alternating order."""
    mine: list[Took] = []
    theirs: list[Took] = []
    for number, chunk in enumerate(chunks):
        order = [(ours, mine), (peer, theirs)]
        for path, took in order if number % 2 == 0 else reversed(order):
            took.append(timed(path, chunk))
    return mine[WARM:], theirs[WARM:]


def compared(mine: Sequence[Took], theirs: Sequence[Took]) -> dict[str, dict[str, Any]]:
    """Return a line for each step, and one for all of them."""
    return {name: beside([t[name] for t in mine], [t[name] for t in theirs]) for name in mine[0]}


def measure(subject: str, all_: Sequence[Message]) -> dict[str, dict[str, Any]]:
    """Measure *subject* on all but the first chunks; changes how this process collects garbage, as the engine does."""
    registry, key = Registry.load(SAMPLES), os.urandom(32)
    cut = [all_[start : start + CHUNK] for start in range(0, len(all_), CHUNK)]
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    mine, theirs = interleaved(path_of(Ours(registry, subject, key)), path_of(Textbook(registry, subject, key)), cut)
    return compared(mine, theirs)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1], kept(pathlib.Path(sys.argv[2])))) + "\n")
