"""The tables of ``docs/performance.md``, and the sentence of the README, made from the figures."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.aims import aims
from benchmarks.growth import CURVES
from headrace.dev.bench.bench_report import NAMES, OUTBOXES, PROCESSES, PRODUCERS
from headrace.dev.pubsub_services import PubsubService

TEXTBOOK_US: Final = 82  # for a nested event, of the machine on which 8 µs were aimed at
PAGES: Final = ("docs/performance.md", "README.md")
BLOCK: Final = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
Figures = Mapping[str, Any]


def write_pages(root: Path, folder: Path) -> None:
    """Put the tables between their markers."""
    figures = read(folder)
    for name in PAGES:
        page = root / name
        page.write_text(filled(page.read_text(), figures))


def read(folder: Path) -> dict[str, Any]:
    """Every part's figures, by part."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}


def filled(page: str, figures: Figures) -> str:
    """*page* with each block made anew. KeyError when there is no such block, or no figures for it."""
    return BLOCK.sub(lambda found: found[1] + BLOCKS[found[2]](figures) + "\n" + found[3], page)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first hold numbers."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _steps(figures: Figures) -> str:
    rows = []
    for event, key in (("booking", "steps"), ("flight", "steps_of_flights")):
        for name, line in figures["bench"][key].items():
            measured = "fallback_us" in line
            fallback = f"{line['fallback_us']:.2f} ({line['fallback_ratio']:.1f}x)" if measured else ""
            times = f"{line['ratio']:.1f}x"
            rows.append(
                [
                    f"{event}: {name}",
                    f"{line['ours_us']:.2f} {_between(line['ours_quartiles_us'], 2)}",
                    fallback,
                    f"{line['peer_us']:.2f} {_between(line['peer_quartiles_us'], 2)}",
                    f"**{times}**" if name == "total" else times,
                ]
            )
    return table(["step", "headrace", "pure-Python fallback", "textbook", "textbook / headrace"], rows)


def _end_to_end(figures: Figures) -> str:
    found = figures["bench"]["end_to_end"]
    rows = []
    for name, label in NAMES.items():
        cpu = found["cpu_seconds_per_million"][name]
        ratio = found["ratio"].get(name)
        rows.append(
            [
                label,
                f"{found[f'{name}_eps']:,} {_between(found['quartiles'][name], 0)}",
                "" if ratio is None else f"{ratio:,.2f}x",
                *(f"{cpu[key]:,.1f}" for key in PROCESSES),
                f"{found['cores_in_use'][name]:.2f}",
                f"{found['rss_mib'][name]:,}",
            ]
        )
    headings = ["", "events/s", "headrace is", "own CPU", "Pub/Sub emulator", "BigQuery emulator", "publishing"]
    headings += ["cores busy", "MiB"]
    return table(headings, rows)


def _limit(figures: Figures) -> str:
    """How many events the cores would let through if none of them ever waited, and if the engine took nothing."""
    bench = figures["bench"]
    found, cores = bench["end_to_end"], bench["machine"]["cores"]
    cpu = found["cpu_seconds_per_million"]["ours"]
    all_ = sum(cpu.values())
    others = all_ - cpu["own"]
    most, free = cores * 1e6 / all_, cores * 1e6 / others
    return (
        f"One million events cost {all_:.1f} CPU seconds around the engine, {others / all_:.0%} of them the emulators' "
        f"and\nthe publisher's. {cores} cores that never wait let {most:,.0f} events/s through at that, "
        f"{most / found['ceiling_eps']:.2f} of pulling alone; the engine\nmoves {found['ours_eps'] / most:.0%} of "
        f"that. An engine that took no processor time at all would get {free:,.0f}: "
        f"{free / found['ceiling_eps']:.2f} of pulling\nalone, and "
        f"{free / found['handwritten_eps']:.1f} times the tuned consumer."
    )


def _rows(figures: Figures) -> str:
    found = figures["bench"]["end_to_end"]["rows_beside_ids"]
    rows = []
    for name, runs in found.items():
        written, ids = (sum(run[place] for run in runs) for place in (0, 1))
        rows.append([NAMES[name], f"{ids:,}", f"{written:,}", f"{written - ids:+,}"])
    return table(["", "different events", "rows", "too many"], rows)


def _profile(figures: Figures) -> str:
    found = figures["bench"]["profile"]
    rows = [
        [
            f"`{line['function']}`",
            *(f"{line[key]:.2f}" for key in ("own_us", "libraries_us", "with_callees_us")),
        ]
        for line in found["functions"][:15]
    ]
    headings = ["function", "own", "libraries beneath", "with callees"]
    return (
        table(headings, rows) + f"\n\nOf {found['cpu_us']:.1f} µs an event, own code took {found['own_code_us']:.1f}, "
        f"libraries {found['libraries_us']:.1f}, and what no sample saw {found['unseen_us']:.1f}."
    )


def _producer(figures: Figures) -> str:
    found = figures["producer"]["producer"]
    rows = []
    for subject in ("flights", "bookings"):
        line = found[subject]
        for name, label in PRODUCERS.items():
            times = line.get(f"times_{name}")
            rows.append(
                [
                    f"{subject}: {label}",
                    f"{line[f'{name}_eps']:,}",
                    "" if times is None else f"{times:,.2f}x {_between(line[f'times_{name}_quartiles'], 2)}",
                    f"{line[f'{name}_cpu_us']:,.1f}",
                ]
            )
    for name, label in OUTBOXES.items():
        rows.append([label, f"{found['durable'][f'{name}_eps']:,}", "", f"{found['durable'][f'{name}_cpu_us']:,.1f}"])
    latency = found["latency_ms"]
    said = (
        f"Medians of {found['rounds']} rounds on {found['pubsub']}. At {latency['rate']:,.0f} flights/s, half of the "
        f"events are confirmed within {latency['ours_p50']} ms and 99 % within {latency['ours_p99']} ms; with Google's "
        f"client, {latency['bare_p50']} and {latency['bare_p99']} ms.{_beside_java(figures['producer']['java'])}"
    )
    return f"{table(['', 'events/s', 'headrace is', 'CPU µs'], rows)}\n\n{textwrap.fill(said, 120)}"


def _beside_java(java: Mapping[str, Any] | None) -> str:
    if java is None:
        return ""
    return (
        f" In turns with Google's client for Java, warm, with the same limits and flights that were encoded before: "
        f"{java['ours_eps']:,} events/s beside {java['java_eps']:,}, {java['times_java']}x."
    )


def _latency(figures: Figures) -> str:
    keys = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "p100_ms", "query_ms", "sent_late_p99_ms", "engine_cpu_percent")
    rows = [[f"{each['rate']:,}", *(f"{each[key]:,.0f}" for key in keys)] for each in figures["latency"]["rates"]]
    headings = ["events/s", "p50", "p90", "p95", "p99", "most", "one query", "sent late, p99", "engine, % of a core"]
    return table(headings, rows)


def _idle(figures: Figures) -> str:
    found = figures["idle"]
    return (
        f"An engine with {found['subjects']} subjects and nothing to do took {found['cpu_percent']:.2f} % of a core "
        f"over {found['seconds']} s; its {found['threads']} threads woke up {found['wakeups_a_second']:.0f} times a "
        "second."
    )


def _commands(figures: Figures) -> str:
    found = figures["commands"]
    names = [name for name in ("before", "now") if name in found["first_row"]]
    rows = [[f"`{command}`", *(_seconds(each[name]) for name in names)] for command, each in found["commands"].items()]
    rows.append(["`run`: time until its first row", *(_seconds(found["first_row"][name]) for name in names)])
    machine = found["machine"]
    busy = " The machine had other work, which slows everything: read the ratios." if machine["load"] > 1 else ""
    said = (
        f"Measured in {found['rounds']} rounds, with load {machine['load']} before the start, on "
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}.{busy}"
    )
    return (
        f"{table(['', *(f'{name}, s' for name in names)], rows)}\n\n{textwrap.fill(said, 120, break_on_hyphens=False)}"
    )


def _seconds(figure: Mapping[str, Any]) -> str:
    return f"{figure['seconds']:.2f} {_between(figure['quartiles'], 2)}"


def _many(figures: Figures) -> str:
    found = figures["many"]
    first, again, all_, event, opening = (found[n] for n in ("first", "again", "all", "event_ms", "first_event_ms"))
    said = (
        f"With {found['subjects']} subjects the engine was ready {first['ready_seconds']:.1f} s after its first start "
        f"({first['ready_cpu_seconds']:.1f} s of its processor time), and {again['ready_seconds']:.1f} s after the "
        f"next ({again['ready_cpu_seconds']:.1f} s). When idle it had {found['threads']} threads and "
        f"{found['rss_mib']} MiB, and took {found['idle_cpu_percent']:.1f} % of a core over {found['idle_seconds']} s. "
        f"A single event was seen in its table after {event['p50']:,} ms (95 %: {event['p95']:,} ms), the first one of "
        f"a subject, which opens its stream, after {opening['p50']:,} ms (95 %: {opening['p95']:,} ms). One event to "
        f"every subject: {all_['seconds']:.1f} s until all were acknowledged, {all_['publish_seconds']:.1f} s of them "
        "for publishing, "
        f"with {all_['most_threads']} threads and {all_['most_rss_mib']} MiB at most."
    )
    return textwrap.fill(said, 120, break_on_hyphens=False)


def _growth(figures: Figures) -> str:
    rows = []
    for name in [each for each in CURVES if each in figures["growth"]]:
        for point in figures["growth"][name]["points"]:
            more = {key: value for key, value in point.items() if key not in _PLAIN}
            said = ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in more.items())
            time = f"{point['us']:.2f} {_between(point['us_quartiles'], 2)}"
            rows.append([f"{name} {point['value']:,}", time, f"{point['rss_mib']:,.0f}", said])
    return table(["", "µs an event", "MiB", ""], rows)


def _backfill(figures: Figures) -> str:
    found = figures["backfill"]
    kinds = ("csv", "parquet", "avro")
    rows = [
        [
            kind,
            f"{found[kind]['rows_per_second']:,}",
            f"{found[kind]['rows_per_cpu_second']:,}",
            f"{found[kind]['ratio_to_streaming']['rows_per_cpu_second']:.2f}x",
            " and ".join(map(str, found[kind]["differences"])),
        ]
        for kind in kinds
    ]
    streamed = found["streamed"]
    rows.append(["streamed", f"{streamed['rows_per_second']:,}", f"{streamed['rows_per_cpu_second']:,}", "", ""])
    headings = [f"{found['flights']:,} flights", "rows/s", "rows a CPU second", "to streaming", "different rows"]
    return table(headings, rows)


def _pubsub(figures: Figures) -> str:
    found = figures["pubsub"]["contenders"]
    rows = []
    for name in [each for each in CONTENDERS if each in found]:
        line = found[name]
        rows.append(
            [
                CONTENDERS[name],
                *(f"{line['eps'][each]:,} {_between(line['quartiles'][each], 0)}" for each in PubsubService),
                f"**{line['ratio']:.2f}x** {_between(line['ratio_quartiles'], 2)}",
                *(f"{line['service_us'][each]:.1f}" for each in PubsubService),
                " and ".join(f"{line['client_us'][each]:.1f}" for each in PubsubService),
            ]
        )
    headings = ["", "broker, events/s", "Google's emulator, events/s", "broker / emulator"]
    headings += ["broker, µs an event", "emulator, µs an event", "client, µs an event"]
    load = figures["pubsub"]["machine"]["load"]
    busy = f"\n\nThe machine had other work (load {load}): read the ratios, not the rates." if load > 1 else ""
    return table(headings, rows) + busy


def _machine(figures: Figures) -> str:
    machine = figures["bench"]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if name != "headrace")
    busy = " The machine had other work: read the ratios, not the times." if machine["load"] > 1 else ""
    bench = figures["bench"]
    textbook_us = bench["steps"]["total"]["peer_us"]
    said = (
        f"Measured {bench['measured_at'][:10]} in {bench['end_to_end']['rounds']} rounds on {machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, load {machine['load']} before the start; "
        f"Python {machine['python']}, {versions}.{busy} The textbook path takes {textbook_us:.0f} µs for a "
        f"booking here, and took {TEXTBOOK_US} where the aims were set: read times in µs and ms, and events/s, by that."
    )
    return textwrap.fill(said, 120, break_on_hyphens=False)


def _aims(figures: Figures) -> str:
    rows = [[aim.what, aim.wanted, aim.found, "yes" if aim.met else "**no**"] for aim in aims(figures)]
    return table(["", "aimed at", "measured", "met"], rows)


def _headline(figures: Figures) -> str:
    found, steps = figures["bench"]["end_to_end"], figures["bench"]["steps"]["total"]
    cpu = found["cpu_seconds_per_million"]
    go = figures["elsewhere"]["go_consumer"]
    said = (
        f"* **Fast.** A nested booking costs {steps['ours_us']:.1f} µs from Avro bytes to masked, deduplicated Arrow: "
        f"{steps['ratio']:.1f} times less than the textbook path. End to end, exactly once, it moves "
        f"{found['ratio']['handwritten']:.1f} times the events of a tuned hand-written consumer in Python, at "
        f"{cpu['ours']['own'] / cpu['handwritten']['own']:.1f} of its CPU. {_beside_go(go)} "
        "Read [figures and method][performance]."
    )
    return textwrap.fill(said, 120, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def _beside_go(go: Mapping[str, Any]) -> str:
    """Return the comparison with a consumer that this repository does not run."""
    whole, steady = ("{} to {}".format(*go[key]) for key in ("start_to_last_row", "steady"))
    return (
        f"Headrace was compared outside this repository with {go['what']} ({go['events']:,} {go['of']}). It is {whole} "
        f"times as fast from start to last row, and {steady} times when steady, at {go['cpu']} of the CPU."
    )


def _elsewhere(figures: Figures) -> str:
    go = figures["elsewhere"]["go_consumer"]
    return textwrap.fill(f"{_beside_go(go)} Measured {go['measured_at']}.", 120, break_on_hyphens=False)


def _between(quartiles: Sequence[float], digits: int) -> str:
    return f"({quartiles[0]:,.{digits}f} to {quartiles[1]:,.{digits}f})"


CONTENDERS: Final = {
    "publish": "publish, our SDK",
    "pull": "pull and acknowledge a backlog, our engine",
    "stream": "the same while another process publishes",
    "go_publish": "publish, Go's client",
    "go_receive": "receive and acknowledge a backlog, Go's client",
}
_PLAIN: Final = {"value", "us", "us_quartiles", "rss_mib"}
BLOCKS: Final = {
    "aims": _aims,
    "backfill": _backfill,
    "elsewhere": _elsewhere,
    "end_to_end": _end_to_end,
    "growth": _growth,
    "headline": _headline,
    "idle": _idle,
    "producer": _producer,
    "latency": _latency,
    "limit": _limit,
    "machine": _machine,
    "many": _many,
    "commands": _commands,
    "profile": _profile,
    "pubsub": _pubsub,
    "rows": _rows,
    "steps": _steps,
}
