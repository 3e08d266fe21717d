"""Measurement from Pub/Sub to rows with both emulators: the engine, its peers and the ceiling, in turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from headrace.config.key_files import write_key_file
from headrace.config.secrets import KEY_BYTES
from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.bench_events import messages
from headrace.dev.bench.feed import feeding
from headrace.dev.bench.figures import ratio, spread
from headrace.dev.bench.peers import Run, child, count_rows, measured, module, provision, watch
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

CONSUMER_THREADS: Final = 4  # eight threads were no faster
OURS: Final = "ours"


@dataclass(frozen=True, slots=True)
class Size:
    """Number of messages of each contender, and number of rounds."""

    ours: int
    handwritten: int
    loop: int
    ceiling: int
    textbook: int
    rounds: int


QUICK: Final = Size(ours=30_000, handwritten=15_000, loop=4_000, ceiling=30_000, textbook=600, rounds=2)
FULL: Final = Size(ours=100_000, handwritten=60_000, loop=20_000, ceiling=100_000, textbook=2_000, rounds=5)


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that moves messages: its module, its arguments after project and total, and its number of messages."""

    module: str
    arguments: Callable[[Names, str, int], Sequence[str]]
    count: int
    writes: bool = True


def contenders(size: Size) -> dict[str, Contender]:
    """Return the contenders, in the order of the first round."""
    return {
        OURS: Contender("run_engine", lambda names, subject, total: [subject, str(total)], size.ours),
        "handwritten": Contender(
            "peer_consumer",
            lambda names, subject, total: [names.project, subject, str(total), str(CONSUMER_THREADS)],
            size.handwritten,
        ),
        "loop": Contender("peer_loop", lambda names, subject, total: [names.project, subject, str(total)], size.loop),
        "ceiling": Contender(
            "ceiling",
            lambda names, subject, total: [names.subscription(subject), str(total), "1"],
            size.ceiling,
            writes=False,
        ),
        "textbook": Contender(
            "peer_beam", lambda names, subject, total: [names.project, subject, str(total)], size.textbook
        ),
    }


def measure(subject: str, size: Size, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Run all contenders *size.rounds* times, each in its own project, and every second round in the opposite order."""
    registry = only(Registry.load(SAMPLES), subject)
    all_ = messages(registry, subject, max(size.ours, size.ceiling), datetime.now(UTC))
    runs: dict[str, list[Run]] = {name: [] for name in contenders(size)}
    # The Pub/Sub emulator's JVM compiles hot code in the first run, so that run is not counted.
    _run(contenders(size)[OURS], registry, subject, all_[: size.ours], "bench-warm", folder)
    for number in range(size.rounds):
        order = list(contenders(size).items())
        for name, contender in order if number % 2 == 0 else reversed(order):
            run = _run(
                contender, registry, subject, all_[: contender.count], f"bench-{name}-{subject[:7]}-{number}", folder
            )
            say(f"  {name:<12} {run.rate.eps:>10,.0f} events/s")
            runs[name].append(run)
    return summed_up(runs)


def only(registry: Registry, subject: str) -> Registry:
    """Return the contracts of one subject."""
    return Registry({each.ref: each for each in registry if each.subject == subject})


def _run(
    contender: Contender, registry: Registry, subject: str, sent: Sequence[Message], project: str, folder: Path
) -> Run:
    project = project.replace("_", "-")
    names = provision(registry, project)
    log = folder / f"{project}.log"
    command = module(contender.module, *contender.arguments(names, subject, len(sent)))
    with feeding(names, sent) as feed, child(command, environment(project, folder), log) as process:
        ticks, used = watch(process, len(sent), contender.module, log, feed.reached)
    rows = count_rows(names, registry.latest(subject).options.table) if contender.writes else 0
    return measured(ticks, used, rows, len({message.attributes["ce-id"] for message in sent}))


def environment(project: str, folder: Path) -> dict[str, str]:
    """Return the environment of the engine's process."""
    key = folder / "masking.key"
    if not key.exists():
        write_key_file(key, os.urandom(KEY_BYTES))
    return {
        "HEADRACE_PROJECT": project,
        "HEADRACE_CONTRACTS": str(SAMPLES),
        "HEADRACE_MASKING_KEY_FILE": str(key),
        "HEADRACE_JOURNAL": str(folder / f"journal-{project}"),
    }


def summed_up(runs: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """Return rates in events a second, quartiles, ratios of Headrace's rate to each, and processor time."""
    rates = {name: [run.rate.eps for run in each] for name, each in runs.items()}
    figures: dict[str, Any] = {f"{name}_eps": round(spread(each).median) for name, each in rates.items()}
    figures["quartiles"] = {name: spread(each).rounded(0) for name, each in rates.items()}
    figures["ratio"] = {name: round(ratio(rates[OURS], each).median, 2) for name, each in rates.items() if name != OURS}
    figures["cpu_seconds_per_million"] = {name: _processor(each) for name, each in runs.items()}
    figures["cores_in_use"] = {
        name: round(spread([_cores(run) for run in each]).median, 2) for name, each in runs.items()
    }
    figures["rss_mib"] = {name: round(max(run.rate.rss_mib for run in each)) for name, each in runs.items()}
    figures["rows_beside_ids"] = {
        name: [[run.rows, run.ids] for run in each] for name, each in runs.items() if each[0].rows
    }
    figures["rounds"] = len(rates[OURS])
    return figures


def _cores(run: Run) -> float:
    """Return how many cores a run used: its own process and the others together."""
    return (run.rate.cpu_seconds_per_million + sum(run.others.values())) * run.rate.eps / 1e6


def _processor(runs: Sequence[Run]) -> dict[str, float]:
    own = spread([run.rate.cpu_seconds_per_million for run in runs]).median
    others = {name: spread([run.others[name] for run in runs]).median for name in runs[0].others}
    return {"own": round(own, 1), **{name: round(each, 1) for name, each in others.items()}}
