"""How time and memory grow: with events, payload, fields, subjects, tables, remembered ids and shards.

``python -m benchmarks growth [CURVE...]``. Each point is a process of its own, so that memory is its own too, and is
measured in processor time. All but *tables* are the steps alone: on the emulators they would take hours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from headrace.dev.bench.children import in_child


@dataclass(frozen=True, slots=True)
class Curve:
    """One thing that grows, and the points at which it is measured."""

    name: str
    what: str
    values: tuple[int, ...]


CURVES: Final = {
    curve.name: curve
    for curve in (
        Curve("events", "events in one process", (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)),
        Curve("payload", "bytes of a payload", (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)),
        Curve("fields", "fields of an event", (5, 15, 50, 150, 500)),
        Curve("subjects", "subjects that share 1,000 messages a round", (1, 3, 10, 30, 100)),
        Curve("tables", "tables, on the emulators", (1, 5, 10, 20, 50)),
        Curve("ids", "ids remembered", (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)),
        Curve("shards", "shards of a table", (1, 2, 4, 8)),
    )
}


def grow(curve: Curve, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure *curve*, point by point; *quick*: the first three."""
    points = []
    for value in curve.values[:3] if quick else curve.values:
        point = {"value": value, **in_child("benchmarks.growth_points", curve.name, str(value))}
        say(f"  {curve.name:<10} {value:>11,}  {point['us']:>8.2f} us  {point['rss_mib']:>6,.0f} MiB")
        points.append(point)
    return {"what": curve.what, "points": points}
