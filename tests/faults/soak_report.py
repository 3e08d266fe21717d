"""What a soak has shown: a page and a plot."""

from __future__ import annotations

import platform
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.faults.soak_faults import ENDINGS
from tests.faults.steady import Sample
from tests.support.paths import ROOT

REPORTS: Final = ROOT / "docs" / "reports"
FIGURES: Final = {"memory (RSS), MiB": "rss_mib", "threads": "threads", "file descriptors": "fds"}
_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Soak:
    """A soak that ended well; *faults* are seconds since its beginning, and names."""

    seed: int
    seconds: float
    warm_up: float
    events: int
    rows: int
    letters: int
    faults: Sequence[tuple[float, str]]
    samples: Sequence[Sample]

    @property
    def warm(self) -> list[Sample]:
        """After the warm-up, all of one process."""
        return [each for each in self.samples if each.seconds >= self.warm_up]


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure after the warm-up: medians of the first and last tenth, the most, and the slope by least squares."""

    first: float
    last: float
    most: float
    hourly: float


def series(samples: Sequence[Sample]) -> dict[str, list[float]]:
    """Each figure's values, by the name it has in the report."""
    values = {name: [float(getattr(each, column)) for each in samples] for name, column in FIGURES.items()}
    return values | {"journal, KiB": [each.journal / _KIB for each in samples]}


def trends(samples: Sequence[Sample]) -> dict[str, Trend]:
    """How each figure went.

    >>> rising = [Sample(3600.0 * hour, 1, 100.0 + 2 * hour, 9, 7, 2048) for hour in range(4)]
    >>> trends(rising)["memory (RSS), MiB"]
    Trend(first=100.0, last=106.0, most=106.0, hourly=2.0)
    """
    hours, tenth = [each.seconds / 3600 for each in samples], max(1, len(samples) // 10)
    return {
        name: Trend(
            statistics.median(values[:tenth]),
            statistics.median(values[-tenth:]),
            max(values),
            round(statistics.linear_regression(hours, values).slope, 3),
        )
        for name, values in series(samples).items()
    }


def write(soak: Soak, folder: Path = REPORTS) -> Path:
    """Write ``soak.svg`` and ``soak.md`` into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": "soak", "svg.fonttype": "none", "font.size": 8, "font.family": "sans-serif"}):
        plot(soak).savefig(folder / "soak.svg", metadata={"Date": None})
    path = folder / "soak.md"
    path.write_text(page(soak))
    return path


def plot(soak: Soak) -> Figure:
    """Four panels over minutes, a line in each for each process, and a thin one upright for each fault."""
    figure = Figure(figsize=(9, 5.4), layout="constrained")
    axes: list[Axes] = list(figure.subplots(2, 2, sharex=True).flat)
    for panel, name in zip(axes, series(soak.samples), strict=True):
        for at, fault in soak.faults:
            panel.axvline(at / 60, linewidth=0.4, color="tab:red" if fault in ENDINGS else "0.8")
        for _, of_process in groupby(soak.samples, lambda each: each.pid):
            mine = list(of_process)
            panel.plot([each.seconds / 60 for each in mine], series(mine)[name], linewidth=0.9, color="tab:blue")
        panel.axvspan(0, soak.warm_up / 60, color="0.96", zorder=0)
        panel.set_title(name, loc="left")
        panel.set_ylim(0, 1.15 * max(series(soak.samples)[name]))
        panel.spines[["top", "right"]].set_visible(False)
    for panel in axes[2:]:
        panel.set_xlabel("minutes")
    return figure


def page(soak: Soak) -> str:
    """The report, in Markdown."""
    counted = Counter(name for _, name in soak.faults)
    lines = [
        _INTRODUCTION.format(
            date=datetime.now(UTC).date(),
            minutes=soak.seconds / 60,
            events=soak.events,
            rate=soak.events / soak.seconds,
            rows=soak.rows,
            letters=soak.letters,
            faults=len(soak.faults),
            seed=soak.seed,
            warm_up=soak.warm_up / 60,
            samples=len(soak.samples),
            python=platform.python_version(),
            system=platform.platform(),
            versions=", ".join(f"{name} {version(name)}" for name in ("apsw", "pyarrow", "google-cloud-pubsub")),
        ),
        "| after the warm-up | at first | at last | most | slope an hour |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(
            f"| {name} | {each.first:,.0f} | {each.last:,.0f} | {each.most:,.0f} | {each.hourly:+,.1f} |"
            for name, each in trends(soak.warm).items()
        ),
        "",
        "| fault | times |",
        "| --- | ---: |",
        *(f"| {name} | {count} |" for name, count in sorted(counted.items())),
        "",
    ]
    return "\n".join(lines)


_INTRODUCTION: Final = """\
# Soak

These are figures of the **embedded engine on the emulators**, on one machine. They say nothing of Dataflow, and of
BigQuery and Pub/Sub only as far as their emulators answer as they do (`tests/faults/test_conformance.py`).

`make soak` made this page on {date} with Python {python} on {system} ({versions}), seed {seed}.

**{events:,} events in {minutes:.0f} minutes ({rate:.0f} a second) with {faults} faults among them: 0 lost, 0 doubled
rows, 0 wrong contents, tallies equal.** {rows:,} rows and {letters:,} dead letters; the oracle
(`tests/faults/oracle.py`) found 0 violations.

![memory, threads, file descriptors and journal over time](soak.svg)

Flights and bookings come steadily, with duplicates, conflicts, truncated, late, early and nameless messages among them.
At even intervals the seed draws a fault; it ends before the next. The engine is killed once and drained once, both
early (red lines), so that what follows is one process; the other faults are grey lines. Ids are remembered for few
events only, so that their generations turn all the time.

The engine remembers the last 300,000 to 600,000 messages that it has acknowledged
(`stream/headrace/engine/receipts.py`), here
and in the journal. Until so many have come both grow.

The first {warm_up:.0f} minutes are left out of the table: at first and at last are medians of a tenth of the samples
each, the slope is by least squares. {samples:,} samples, one each five seconds.
"""
