"""Output of the figures for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

NAMES: Final = {
    "ours": "headrace",
    "handwritten": "hand-written, tuned",
    "loop": "hand-written loop",
    "textbook": "textbook Beam",
    "ceiling": "pull and ack. alone",
}
PROCESSES: Final = ("own", "pubsub_emulator", "bigquery_emulator", "publishing")
_PROMISES: Final = """own, Pub/Sub, BigQuery, feed (which publishes): CPU seconds a million events
cores: how many these four kept busy; ours: headrace is so many times as fast
headrace writes each event once; hand-written: at least once; textbook Beam
acknowledges before it writes, so a crash loses events"""

PRODUCERS: Final = {"ours": "headrace", "bare": "Google's client", "naive": "naive loop"}
OUTBOXES: Final = {"durable": "outbox, NORMAL, 1 caller", "durable_full": "outbox, FULL, 64 callers"}
_PRODUCER_NOTES: Final = """headrace validates and encodes; Google's client sends bytes encoded before; the
naive loop encodes with fastavro and waits for each confirmation
ours: headrace is so many times as fast; CPU us: of the publishing process
outbox: flights, checked, committed to a file, sent and confirmed
p50, p99: from publish to its confirmation, at {rate:,.0f} events/s"""


def print_report(figures: Mapping[str, Any], console: Console) -> None:
    """Print the measurements, the machine, and the comparison."""
    machine = figures["machine"]
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, load {machine['load']}; "
        f"Python {machine['python']}",
        highlight=False,
    )
    console.print(", ".join(f"{name} {version}" for name, version in machine["versions"].items()), highlight=False)
    console.print("Medians, and half the distance of the quartiles.", highlight=False)
    if "producer" in figures:
        _print_producer(figures["producer"], console)
    else:
        _print_pipeline(figures, console)
    if "seconds" in figures:
        console.print(f"\nmeasured in {figures['seconds']} s", highlight=False)


def _print_pipeline(figures: Mapping[str, Any], console: Console) -> None:
    _print_steps("Nested booking", figures["steps"], console)
    _print_steps("Flight", figures["steps_of_flights"], console)
    if figures["end_to_end"] is not None:
        _print_end_to_end(figures["end_to_end"], console)
    if figures["profile"] is not None:
        _print_profile(figures["profile"], console)


def _print_producer(figures: Mapping[str, Any], console: Console) -> None:
    table = _table(f"Producers on {figures['pubsub']}: medians of {figures['rounds']} rounds")
    table.add_column("")
    for heading in ("events/s", "ours", "", "CPU us", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right", style="dim" if not heading else None)
    latency = figures["latency_ms"]
    for subject in ("flights", "bookings"):
        line = figures[subject]
        for name, label in PRODUCERS.items():
            times = line.get(f"times_{name}")
            timed = subject == "flights" and f"{name}_p50" in latency
            table.add_row(
                f"{subject}: {label}",
                f"{line[f'{name}_eps']:,}",
                "" if times is None else f"{_short(times)}x",
                "" if times is None else _give_or_take(line[f"times_{name}_quartiles"], 1),
                f"{line[f'{name}_cpu_us']:.1f}",
                *(f"{latency[f'{name}_{percent}']:.1f}" if timed else "" for percent in ("p50", "p99")),
                style="bold" if name == "ours" else None,
            )
    for name, label in OUTBOXES.items():
        durable = figures["durable"]
        table.add_row(label, f"{durable[f'{name}_eps']:,}", "", "", f"{durable[f'{name}_cpu_us']:.1f}", "", "")
    _print(table, console)
    console.print(_PRODUCER_NOTES.format(rate=latency["rate"]), highlight=False)


def _print_steps(title: str, steps: Mapping[str, Any], console: Console) -> None:
    table = _table(f"{title}: microseconds of processor time an event")
    table.add_column("step")
    for heading in ("headrace", "textbook", "times"):
        table.add_column(heading, justify="right")
        table.add_column("", style="dim")
    fallback = any("fallback_us" in line for line in steps.values())
    if fallback:
        table.add_column("fallback", justify="right")
        table.add_column("times", justify="right")
    for name, line in steps.items():
        cells = [
            name,
            f"{line['ours_us']:.2f}",
            _give_or_take(line["ours_quartiles_us"], 2),
            f"{line['peer_us']:.2f}",
            _give_or_take(line["peer_quartiles_us"], 2),
            f"{line['ratio']:.1f}",
            _give_or_take(line["ratio_quartiles"], 1),
        ]
        if fallback:
            measured = "fallback_us" in line
            cells += [f"{line['fallback_us']:.2f}", f"{line['fallback_ratio']:.1f}"] if measured else ["", ""]
        table.add_row(*cells, style="bold" if name == "total" else None)
    _print(table, console)


def _print_end_to_end(figures: Mapping[str, Any], console: Console) -> None:
    table = _table(f"End to end, flights: medians of {figures['rounds']} rounds")
    table.padding = (0, 1, 0, 0)  # the table needs all eighty columns
    table.add_column("")
    table.add_column("events/s", justify="right")
    table.add_column("", style="dim")
    table.add_column("ours", justify="right")
    for heading in ("own", "Pub/Sub", "BigQuery", "feed", "cores", "MiB"):
        table.add_column(heading, justify="right")
    for name, label in NAMES.items():
        processor = figures["cpu_seconds_per_million"][name]
        times = figures["ratio"].get(name)
        table.add_row(
            label,
            f"{figures[f'{name}_eps']:,}",
            _give_or_take(figures["quartiles"][name], 0),
            "" if times is None else f"{_short(times)}x",
            *(_seconds(processor[each]) for each in PROCESSES),
            f"{figures['cores_in_use'][name]:.1f}",
            f"{figures['rss_mib'][name]:,}",
            style="bold" if name == "ours" else None,
        )
    _print(table, console)
    console.print(_PROMISES, highlight=False)


def _print_profile(profile: Mapping[str, Any], console: Console) -> None:
    table = _table(f"Where the engine's processor time went: microseconds an event, {profile['samples']:,} samples")
    table.add_column("function", overflow="fold")
    for heading in ("own", "libraries", "with callees"):
        table.add_column(heading, justify="right")
    for line in profile["functions"]:
        cells = [f"{line[name]:.2f}" for name in ("own_us", "libraries_us", "with_callees_us")]
        table.add_row(Text(line["function"]), *cells)
    _print(table, console)
    console.print(
        f"own code {profile['own_code_us']:.1f}, libraries {profile['libraries_us']:.1f}, not seen "
        f"{profile['unseen_us']:.1f}, all {profile['cpu_us']:.1f}",
        highlight=False,
    )


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")


def _print(table: Table, console: Console) -> None:
    console.print()
    console.print(table)


def _give_or_take(quartiles: list[float], digits: int) -> str:
    """Return half of the distance of the quartiles."""
    low, high = quartiles
    return f"±{(high - low) / 2:,.{digits}f}"


def _seconds(each: float) -> str:
    return f"{each:,.0f}" if each >= 1000 else f"{each:.1f}"


def _short(times: float) -> str:
    return f"{times:,.0f}" if times >= 10 else f"{times:.2f}"
