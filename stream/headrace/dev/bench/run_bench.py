"""``headrace bench``: measure the steps and the engine beside the peers, print a table, and write one JSON object."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from headrace.dev.bench import end_to_end, producer_bench
from headrace.dev.bench.bench_events import BOOKINGS, FLIGHTS, SUBJECTS, keep, messages
from headrace.dev.bench.bench_report import print_report
from headrace.dev.bench.children import environment_with, in_child
from headrace.dev.bench.end_to_end import FULL, QUICK, Size
from headrace.dev.bench.feed import feeding
from headrace.dev.bench.figures import with_fallback
from headrace.dev.bench.machine import describe_machine
from headrace.dev.bench.peers import child, module, provision, watch
from headrace.dev.bench.producer_bench import ProducerSize
from headrace.dev.bench.profiling import under_py_spy, where_it_went
from headrace.dev.bench.step_costs import CHUNK, WARM
from headrace.dev.bench.ticks import rate_of
from headrace.dev.emulators import running_emulators
from headrace.runtime.scratch import scratch_folder
from headrace.schemas.compiled_modules import PURE
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from headrace.util.output import say

SCHEMA_VERSION: Final = 1
APPENDED: Final = 0.4  # of the chunks of the steps: emulators are slow


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """The extent of a benchmark: chunks of the steps, and the size of the rest, or None for the steps alone.

    With *producer*, the producers alone are measured.
    """

    chunks: int
    size: Size | None
    profile: bool
    producer: ProducerSize | None = None

    @classmethod
    def of(cls, *, quick: bool, steps: bool, profile: bool, producer: bool) -> BenchPlan:
        """Return the plan for the options."""
        if producer:
            return cls(0, None, profile=False, producer=producer_bench.QUICK if quick else producer_bench.FULL)
        size = None if steps else QUICK if quick else FULL
        return cls(chunks=6 if quick else 30, size=size, profile=profile)


def bench(plan: BenchPlan, file: Path | None) -> None:
    """Measure, print the figures, and write JSON to *file*; ``-`` is stdout.

    Raises:
        BenchFailedError: a measured process ended, or made no progress.
    """
    to_stdout = file is not None and str(file) == "-"
    figures = measure(plan)
    print_report(figures, Console(stderr=to_stdout))
    if to_stdout:
        sys.stdout.write(json.dumps(figures) + "\n")
    elif file is not None:
        file.write_text(json.dumps(figures, indent=2) + "\n")


def measure(plan: BenchPlan) -> dict[str, Any]:
    """Measure all parts of *plan*, and return the JSON object."""
    began, now = time.monotonic(), datetime.now(UTC)
    figures: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "measured_at": now.isoformat(timespec="seconds"),
        "machine": describe_machine(),
    }
    if plan.producer is not None:
        say("producers: the SDK, Google's client, and a naive loop ...")
        figures["producer"] = producer_bench.measure(plan.producer, say)
    else:
        _measure_pipeline(plan, figures, now)
    figures["seconds"] = round(time.monotonic() - began)
    return figures


def _measure_pipeline(plan: BenchPlan, figures: dict[str, Any], now: datetime) -> None:
    with tempfile.TemporaryDirectory(prefix="headrace-bench-events-") as name:
        events = {subject: Path(name) / subject for subject in SUBJECTS}
        steps = {subject: _steps(subject, plan.chunks, file, now) for subject, file in events.items()}
        figures |= {"steps": steps[BOOKINGS], "steps_of_flights": steps[FLIGHTS], "end_to_end": None, "profile": None}
        if plan.size is not None or plan.profile:
            _measure_on_emulators(plan, figures, steps, events)


def _measure_on_emulators(
    plan: BenchPlan, figures: dict[str, Any], steps: Mapping[str, dict[str, Any]], events: Mapping[str, Path]
) -> None:
    with emulators() as folder:
        if plan.size is not None:
            for subject, file in events.items():
                steps[subject]["append"] = _appends(subject, max(4, int(plan.chunks * APPENDED)), file)
            say("end to end, flights: the engine, its peers, and pulling alone ...")
            figures["end_to_end"] = end_to_end.measure(FLIGHTS, plan.size, folder, say)
        if plan.profile:
            figures["profile"] = _profile((plan.size or QUICK).ours, folder)


@contextmanager
def emulators() -> Iterator[Path]:
    """Start both emulators, set this process's environment to them, and make a folder for logs and journals."""
    with (
        scratch_folder("headrace-bench-") as folder,
        running_emulators(folder) as running,
        environment_with(running.environment),
    ):
        yield folder


def _steps(subject: str, chunks: int, events: Path, now: datetime) -> dict[str, Any]:
    say(f"steps of {subject}: {chunks} chunks through both paths ...")
    keep(messages(Registry.load(SAMPLES), subject, (chunks + WARM) * CHUNK, now), events)
    compiled, fallback = (
        in_child("headrace.dev.bench.step_costs", subject, str(events), **pure) for pure in ({}, {PURE: "1"})
    )
    return with_fallback(compiled, fallback)


def _appends(subject: str, chunks: int, events: Path) -> dict[str, Any]:
    say(f"appends of {subject} ...")
    for project in ("bench-append", "bench-append-peer"):
        provision(Registry.load(SAMPLES), project)
    return dict(in_child("headrace.dev.bench.appends", "bench-append", subject, str(chunks), str(events)))


def _profile(count: int, folder: Path) -> dict[str, Any]:
    """Run the engine once more, and profile it."""
    say("profiling the engine ...")
    registry = Registry.load(SAMPLES)
    names = provision(registry, "bench-profile")
    sent = messages(registry, FLIGHTS, count, datetime.now(UTC))
    file, log = folder / "stacks", folder / "profile.log"
    command = under_py_spy(module("run_engine", FLIGHTS, str(count), "stop"), file)
    own = end_to_end.environment(names.project, folder)
    with feeding(names, sent) as feed, child(command, own, log) as process:
        ticks, _ = watch(process, count, "run_engine", log, feed.reached)
        process.communicate()  # it ends by itself, and py-spy writes its file
    return where_it_went(file.read_text().splitlines(), count, rate_of(ticks).cpu_seconds_per_million)
