"""The simulation beside a measured recovery of the embedded engine: docs/reports/recovery.json.

From the short outages comes how many events a second the engine works off; with that one figure the longer ones are
simulated, as one shard that takes no more than a round at a time. What the engine holds when an outage ends is written
at once, and counts in neither.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.figure import Figure

from headrace.engine.pull_buffer import WAITING_MESSAGES
from headrace.planning.capacity.scenario import Costs, Scenario
from headrace.planning.capacity.simulation import simulate
from headrace.planning.capacity.simulation_samples import SimulationResult

REPORTS: Final = Path(__file__).parent.parent / "docs" / "reports"
ROUND: Final = 5_000
HELD: Final = WAITING_MESSAGES + 2 * ROUND  # pulled, and in rounds that are under way
LOOKED: Final = 0.5  # seconds between two looks at the engine
Outage = dict[str, Any]


def report() -> dict[str, Any]:
    """What ``python -m tests.faults.recovery`` measured."""
    read: dict[str, Any] = json.loads((REPORTS / "recovery.json").read_text())
    return read


def began(outage: Outage) -> float:
    """Seconds from the end of an outage until the first rows were seen."""
    return float(max(seconds for seconds, backlog in outage["samples"] if backlog == outage["published"]))


def took(outage: Outage) -> float:
    """Seconds from the first rows until all were there."""
    return float(outage["samples"][-1][0] - began(outage))


def calibrated(pairs: list[dict[str, Outage]]) -> float:
    """Events a second, by the short outages."""
    return float(statistics.median((pair["short"]["published"] - HELD) / took(pair["short"]) for pair in pairs))


def simulated(outage: Outage, events_a_second: float) -> SimulationResult:
    """An outage of the same length and as many events as are not held, which end when it does."""
    costs = Costs(0.0, 1 / events_a_second, head_events=ROUND, retry_seconds=LOOKED)
    seconds = outage["seconds"]
    scenario = Scenario(
        ((outage["published"] - HELD) / seconds,),
        workers=1,
        vcpus=1,
        costs=costs,
        seconds=seconds,
        batch_seconds=0.05,
        sample_seconds=LOOKED,
        stall=(0.0, seconds),
        most_undecided=ROUND,
    )
    return simulate(scenario, 1)


def drained(outcome: SimulationResult) -> float:
    """Seconds from the end of the simulated outage until all was written."""
    return outcome.samples[-1].seconds - outcome.scenario.faults_end


def line(pairs: list[dict[str, Outage]]) -> str:
    """What docs/capacity.md says of it."""
    measured = sorted(took(pair["long"]) for pair in pairs)
    rate = calibrated(pairs)
    expected = statistics.median(drained(simulated(pair["long"], rate)) for pair in pairs)
    shorts = ", ".join(f"{took(pair['short']):.1f}" for pair in pairs)
    longs = ", ".join(f"{seconds:.1f}" for seconds in measured)
    events = pairs[0]["long"]["published"]
    return (
        f"short outages: {shorts} s, so {rate:,.0f} events/s; {events:,} events of a longer one: "
        f"simulated {expected:.1f} s, measured {longs} s"
    )


def draw(pairs: list[dict[str, Outage]]) -> None:
    """The backlog of each longer outage from its first row on, and the simulated one."""
    with rc_context({"svg.hashsalt": "reality", "svg.fonttype": "none", "font.size": 8, "font.family": "sans-serif"}):
        figure = Figure(figsize=(6, 3.2), layout="constrained")
        panel = figure.subplots()
        for number, pair in enumerate(pairs):
            outage, first = pair["long"], began(pair["long"])
            points = [(seconds - first, backlog / 1e3) for seconds, backlog in outage["samples"] if seconds >= first]
            panel.plot(*zip(*points, strict=True), color="0.6", linewidth=0.9, label=None if number else "measured")
        outcome = simulated(pairs[0]["long"], calibrated(pairs))
        ended = outcome.scenario.faults_end
        points = [(each.seconds - ended, each.backlog / 1e3) for each in outcome.samples if each.seconds >= ended]
        panel.plot(*zip(*points, strict=True), color="tab:blue", linewidth=1.4, label="simulated")
        panel.set_title("embedded engine on the emulators: thousand events that are not written", loc="left")
        panel.set_xlabel("seconds since the first row after the outage")
        panel.set_ylim(bottom=0)
        panel.legend(frameon=False)
        figure.savefig(REPORTS / "capacity-reality.svg", metadata={"Date": None})
