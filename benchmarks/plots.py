"""The figures as pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.growth import CURVES
from headrace.dev.bench.bench_report import NAMES

OURS: Final = "#1f6f8b"
PEERS: Final = "#b0a18f"
MEMORY: Final = "#c0632f"
STEPS: Final = ("decode", "mask", "dedupe", "row", "append")
TICKS: Final = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
_COLOURS: Final = ("#1f6f8b", "#6aa8bd", "#99a88c", "#e0b15e", "#c0632f")


def draw(folder: Path) -> None:
    """Draw what there are figures of, as SVG in *folder*."""
    matplotlib.rcParams.update({"svg.hashsalt": "headrace", "font.size": 9, "axes.spines.top": False})
    for name, picture in (("bench", _bench), ("latency", _latency), ("growth", _growth)):
        file = folder / f"{name}.json"
        if file.exists():
            figure = picture(json.loads(file.read_text()))
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
            plt.close(figure)


def _bench(figures: dict[str, Any]) -> Any:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    bars = [
        (f"{event}, {who}", [figures[steps].get(name, {}).get(key, 0) for name in STEPS])
        for event, steps in (("booking", "steps"), ("flight", "steps_of_flights"))
        for who, key in (("headrace", "ours_us"), ("fallback", "fallback_us"), ("textbook", "peer_us"))
        if any(key in line for line in figures[steps].values())
    ]
    for place, (_, values) in enumerate(bars):
        start = 0.0
        for name, value, colour in zip(STEPS, values, _COLOURS, strict=True):
            left.barh(place, value, left=start, color=colour, label=name if place == 0 else None)
            start += value
    left.set_yticks(range(len(bars)), [label for label, _ in bars])
    left.invert_yaxis()
    left.set_xlabel("microseconds of processor time an event")
    left.legend(frameon=False, fontsize=8)
    _rates(right, figures["end_to_end"])
    _bare(left)
    _bare(right)
    return figure


def _bare(axes: Axes) -> None:
    axes.spines["right"].set_visible(False)


def _rates(axes: Axes, figures: dict[str, Any]) -> None:
    for place, name in enumerate(NAMES):
        low, high = figures["quartiles"][name]
        median = figures[f"{name}_eps"]
        error = [[max(0, median - low)], [max(0, high - median)]]
        axes.barh(place, median, xerr=error, color=OURS if name == "ours" else PEERS)
        axes.annotate(f" {median:,}", (max(median, high), place), va="center", fontsize=8)
    axes.set_yticks(range(len(NAMES)), list(NAMES.values()))
    axes.invert_yaxis()
    axes.set_xlabel("events a second (flights)")
    axes.margins(x=0.15)


def _short(value: int) -> str:
    """A number as a tick can bear it.

    >>> [_short(3_000_000), _short(30_000), _short(150)]
    ['3 M', '30 k', '150']
    """
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:g} {letter}"
    return str(value)


def _latency(figures: dict[str, Any]) -> Any:
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    percents = [number / 2 for number in range(1, 201)]
    for rate, colour in zip(figures["rates"], _COLOURS[::2], strict=False):
        axes.plot(rate["quantiles_ms"], percents, color=colour, label=f"{rate['rate']:,} events/s")
    axes.axhline(95, color="#999999", linewidth=0.6, linestyle=":")
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [f"{tick:,}" for tick in TICKS])
    axes.minorticks_off()
    _bare(axes)
    axes.set_xlabel("milliseconds from publish to queryable")
    axes.set_ylabel("percent of events")
    axes.legend(frameon=False)
    return figure


def _growth(figures: dict[str, Any]) -> Any:
    curves = {name: figures[name] for name in CURVES if name in figures}
    figure, grid = plt.subplots(2, 4, figsize=(14, 6), layout="constrained")
    for axes, (name, curve) in zip(grid.flat, curves.items(), strict=False):
        values = [point["value"] for point in curve["points"]]
        times = [point["us"] for point in curve["points"]]
        quartiles = list(zip(*(point["us_quartiles"] for point in curve["points"]), strict=True))
        axes.plot(values, times, marker="o", markersize=3, color=OURS)
        axes.fill_between(values, *quartiles, color=OURS, alpha=0.2, linewidth=0)
        axes.set_xscale("log")
        axes.set_xticks(values, [_short(value) for value in values], fontsize=8)
        axes.minorticks_off()
        axes.set_ylim(0, 1.2 * max(quartiles[1]))
        axes.set_title(name, fontsize=10)
        axes.set_xlabel(curve["what"])
        axes.set_ylabel("microseconds an event", color=OURS)
        memory = axes.twinx()
        held = [point["rss_mib"] for point in curve["points"]]
        memory.plot(values, held, marker=".", color=MEMORY, linewidth=0.8)
        memory.set_ylim(0, 1.3 * max(held))
        memory.set_ylabel("MiB", color=MEMORY)
    for axes in list(grid.flat)[len(curves) :]:
        axes.axis("off")
    return figure
