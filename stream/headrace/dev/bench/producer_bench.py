"""``headrace bench --producer``: the SDK beside Google's client and the naive loop, in turns, on one Pub/Sub."""

from __future__ import annotations

import pickle
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from headrace.core.resource_names import Names
from headrace.dev.bench.bench_events import BOOKINGS, FLIGHTS
from headrace.dev.bench.children import environment_with, in_child
from headrace.dev.bench.figures import ratio, spread
from headrace.dev.bench.producer_contender import Contender
from headrace.dev.demo.bookings import bookings
from headrace.dev.demo.flights import flights
from headrace.dev.emulators import running_pubsub
from headrace.dev.pubsub_services import PubsubService
from headrace.runtime.google_clients import PUBSUB, open_gapic_publisher
from headrace.runtime.scratch import scratch_folder

RATE: Final = 1_000.0  # events a second of the measurement of latency
DIFFERENT: Final = 2_000
PROJECT: Final = "bench-producer"
_CONTENDER: Final = "headrace.dev.bench.producer_contender"
PEERS: Final = (Contender.OURS, Contender.BARE, Contender.NAIVE)
OUTBOXES: Final = (Contender.DURABLE, Contender.DURABLE_FULL)
Runs: TypeAlias = dict[Contender, list[Mapping[str, float]]]
_NAMES: Final = {"flights": FLIGHTS, "bookings": BOOKINGS}


@dataclass(frozen=True, slots=True)
class ProducerSize:
    """Rounds, and events of one run of each contender."""

    rounds: int
    fast: int
    naive: int
    on_schedule: int


QUICK: Final = ProducerSize(rounds=3, fast=10_000, naive=100, on_schedule=2_000)
FULL: Final = ProducerSize(rounds=7, fast=50_000, naive=300, on_schedule=10_000)


def measure(size: ProducerSize, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the figures of all contenders."""
    with ready_pubsub() as (_, events):
        figures: dict[str, Any] = {"pubsub": PubsubService.chosen().value, "rounds": size.rounds}
        for name, subject in _NAMES.items():
            figures[name] = _of_subject(name, subject, size, events[subject], say)
        figures["durable"] = _durable(size, events[FLIGHTS], say)
        figures["latency_ms"] = _latency(size, events[FLIGHTS], say)
    return figures


@contextmanager
def ready_pubsub() -> Iterator[tuple[Path, dict[str, Path]]]:
    """Start a Pub/Sub with topics; yield a folder for this run, and the file of the events of each subject."""
    with (
        scratch_folder("headrace-bench-producer-") as folder,
        running_pubsub(folder, PubsubService.chosen()) as address,
        environment_with({PUBSUB: address}),
    ):
        events = _events(folder)
        _make_topics()
        yield folder, events


def run_once(contender: Contender, subject: str, count: int, events: Path) -> Mapping[str, float]:
    """Run a contender once, as a process of its own; returns ``eps`` and ``cpu_us``."""
    figures: Mapping[str, float] = in_child(_CONTENDER, contender, PROJECT, subject, str(count), str(events))
    return figures


def _of_subject(
    name: str, subject: str, size: ProducerSize, events: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    runs = _in_turns(name, subject, PEERS, size, events, say)
    figures = _medians(runs)
    rates = {each: [run["eps"] for run in runs[each]] for each in PEERS}
    for peer in (Contender.BARE, Contender.NAIVE):
        times = ratio(rates[Contender.OURS], rates[peer])
        figures |= {f"times_{peer}": round(times.median, 2), f"times_{peer}_quartiles": times.rounded(2)}
    return figures


def _durable(size: ProducerSize, events: Path, say: Callable[[str], None]) -> dict[str, Any]:
    return _medians(_in_turns("outbox", FLIGHTS, OUTBOXES, size, events, say))


def _in_turns(
    name: str,
    subject: str,
    contenders: Sequence[Contender],
    size: ProducerSize,
    events: Path,
    say: Callable[[str], None],
) -> Runs:
    runs: Runs = {each: [] for each in contenders}
    for number in range(size.rounds):
        for contender in contenders if number % 2 else reversed(contenders):
            count = size.naive if contender is Contender.NAIVE else size.fast
            run = run_once(contender, subject, count, events)
            say(f"  {name:<9} {contender:<12} {run['eps']:>9,.0f} events/s {run['cpu_us']:>8.1f} us")
            runs[contender].append(run)
    return runs


def _medians(runs: Runs) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for contender, of_it in runs.items():
        figures[f"{contender}_eps"] = round(spread([run["eps"] for run in of_it]).median)
        figures[f"{contender}_cpu_us"] = round(spread([run["cpu_us"] for run in of_it]).median, 1)
    return figures


def _latency(size: ProducerSize, events: Path, say: Callable[[str], None]) -> dict[str, Any]:
    found: dict[Contender, list[tuple[float, float]]] = {Contender.OURS: [], Contender.BARE: []}
    for number in range(size.rounds):
        turn = list(found) if number % 2 else list(reversed(found))
        for contender in turn:
            took = in_child(
                _CONTENDER,
                contender,
                PROJECT,
                FLIGHTS,
                str(size.on_schedule),
                str(events),
                str(RATE),
            )
            percents = statistics.quantiles(took, n=100, method="inclusive")
            found[contender].append((percents[49], percents[98]))
            say(f"  latency   {contender:<6} p50 {percents[49]:.1f} ms, p99 {percents[98]:.1f} ms")
    figures: dict[str, Any] = {"rate": RATE}
    for contender, of_it in found.items():
        figures[f"{contender}_p50"] = round(statistics.median(p50 for p50, _ in of_it), 1)
        figures[f"{contender}_p99"] = round(statistics.median(p99 for _, p99 in of_it), 1)
    return figures


def _events(folder: Path) -> dict[str, Path]:
    """Write the fields of the events of each subject to a file, because making them takes longer than measuring."""
    now = datetime.now(UTC)
    made = {
        FLIGHTS: list(flights(DIFFERENT, now)),
        BOOKINGS: [fields for _, fields in bookings(DIFFERENT, now, versions=(2,))],
    }
    files = {subject: folder / f"{subject}.events" for subject in made}
    for subject, file in files.items():
        file.write_bytes(pickle.dumps(made[subject]))
    return files


def _make_topics() -> None:
    client = open_gapic_publisher()
    for subject in _NAMES.values():
        client.create_topic(name=Names(PROJECT).topic(subject))
    client.transport.close()
