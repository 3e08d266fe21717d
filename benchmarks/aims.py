"""What was aimed at, and whether it was reached; judged by the figures, whichever way they fall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

MANY: Final = 500  # subjects
QUIET: Final = 1  # load


@dataclass(frozen=True, slots=True)
class Aim:
    """One aim: what it is of, in words what was wanted and what was found, and whether that is enough."""

    what: str
    wanted: str
    found: str
    met: bool


def aims(figures: Mapping[str, Any]) -> list[Aim]:
    """Every aim of which there are figures."""
    return [
        *(_of_bench(figures["bench"]) if "bench" in figures else ()),
        *(_of_latency(figures["latency"]) if "latency" in figures else ()),
        *(_of_rest(figures)),
    ]


def _of_bench(bench: Mapping[str, Any]) -> Iterator[Aim]:
    total, found = bench["steps"]["total"], bench["end_to_end"]
    yield _at_most("steps of a booking, µs", 8, total["ours_us"], 1)
    yield _at_least("steps of a booking, textbook / headrace", 10, total["ratio"], 1)
    if "fallback_ratio" in total:
        yield _at_least("the same with the pure-Python fallback", 1.5, total["fallback_ratio"], 1)
    yield _at_least("end to end / textbook Beam pipeline", 60, found["ratio"]["textbook"], 1)
    yield _at_least("end to end / hand-written loop", 4.5, found["ratio"]["loop"], 2)
    yield _at_least("end to end / hand-written consumer, tuned", 4.5, found["ratio"]["handwritten"], 2)
    yield _at_least("end to end / pull and acknowledge alone", 0.7, found["ratio"]["ceiling"], 2)


def _of_latency(latency: Mapping[str, Any]) -> Iterator[Aim]:
    wanted = {10: 150, 1_000: 500}
    for each in latency["rates"]:
        if each["rate"] in wanted:
            yield _at_most(f"p95 at {each['rate']:,} events/s, ms", wanted[each["rate"]], each["p95_ms"], 0)


def _of_rest(figures: Mapping[str, Any]) -> Iterator[Aim]:
    if "idle" in figures:
        yield _at_most("an idle engine, % of a core", 2, figures["idle"]["cpu_percent"], 2)
    if "many" in figures:
        yield from _of_many(figures["many"])
    if "commands" in figures:
        yield from _of_commands(figures["commands"])
    if "backfill" in figures:
        yield _at_least("backfill of Parquet, rows/s", 15_000, figures["backfill"]["parquet"]["rows_per_second"], 0)
    if "pubsub" in figures:
        yield from _of_pubsub(figures["pubsub"])
    yield from _of_growth(figures.get("growth", {}))


def _of_pubsub(pubsub: Mapping[str, Any]) -> Iterator[Aim]:
    for name, what in (("publish", "publish"), ("pull", "pull and acknowledge")):
        yield _at_least(f"local broker / Google's emulator: {what}", 1, pubsub["contenders"][name]["ratio"], 2)


def _of_many(many: Mapping[str, Any]) -> Iterator[Aim]:
    """Fewer subjects than are aimed at say nothing."""
    if many["subjects"] < MANY:
        return
    for name, start in (("first start", "first"), ("next start", "again")):
        yield _at_most(f"{MANY} subjects: {name} until ready, s", 10, many[start]["ready_seconds"], 1)
    yield _at_most(f"{MANY} subjects: most threads", 200, many["all"]["most_threads"], 0)
    yield _at_most(f"{MANY} subjects: most memory, MiB", 500, many["all"]["most_rss_mib"], 0)
    yield _at_most(f"{MANY} subjects, idle: % of a core", 5, many["idle_cpu_percent"], 2)


def _of_commands(commands: Mapping[str, Any]) -> Iterator[Aim]:
    """Seconds of a machine that has other work say nothing."""
    if commands["machine"]["load"] > QUIET:
        return
    for command, wanted in {
        "audit --nope": 0.2,
        "audit": 0.7,
        "dead-letters list": 0.7,
        "replay --dry-run": 0.7,
    }.items():
        yield _at_most(f"`{command}`, CPU seconds", wanted, commands["commands"][command]["now"]["seconds"], 2)
    yield _at_most("`run`: first row, s", 0.9, commands["first_row"]["now"]["seconds"], 2)


def _of_growth(growth: Mapping[str, Any]) -> Iterator[Aim]:
    """A quick run does not reach the points that are aimed at, and says nothing of them."""
    events, ids = (
        {point["value"]: point for point in growth.get(name, {}).get("points", [])} for name in ("events", "ids")
    )
    if 3_000_000 in events:
        times = events[3_000_000]["mean_us"] / events[100_000]["mean_us"]
        yield _at_most("3 million events / 100,000, time an event", 1.15, times, 2)
    if 10_000_000 in ids:
        yield _at_most("memory of a remembered id, bytes", 32, ids[10_000_000]["bytes_an_id"], 1)


def _at_most(what: str, limit: float, value: float, digits: int) -> Aim:
    return Aim(what, f"at most {limit:,}", f"{value:,.{digits}f}", value <= limit)


def _at_least(what: str, limit: float, value: float, digits: int) -> Aim:
    return Aim(what, f"at least {limit:,}", f"{value:,.{digits}f}", value >= limit)
