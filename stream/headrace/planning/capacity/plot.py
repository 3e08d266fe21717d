"""Draw a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from headrace.beam.pages import BAGS
from headrace.planning.capacity.limits import CapacityError
from headrace.planning.capacity.needs import CapacityPlan
from headrace.planning.capacity.scenario import Slice
from headrace.planning.capacity.simulation_samples import SimulationResult

MOST_POINTS: Final = 300


def draw(plan: CapacityPlan, part: Slice, outcome: SimulationResult, path: Path) -> None:
    """Draw backlog, latency, the hot shard and vCPUs into *path*, in the format of its ending.

    Raises:
        CapacityError: the file cannot be written, or its format is unknown.
    """
    with rc_context({"svg.hashsalt": "scale", "svg.fonttype": "none", "font.size": 8, "font.family": "sans-serif"}):
        figure = Figure(figsize=(9, 5.4), layout="constrained")
        panels: list[Axes] = list(figure.subplots(2, 2, sharex=True).flat)
        outcome = replace(outcome, samples=outcome.samples[:: max(1, len(outcome.samples) // MOST_POINTS)])
        minutes = [each.seconds / 60 for each in outcome.samples]
        _backlog(panels[0], minutes, part, outcome)
        _latency(panels[1], minutes, outcome)
        _hot_shard(panels[2], minutes, plan, outcome)
        _busy(panels[3], minutes, part, outcome)
        for panel in panels:
            _faults(panel, part)
            panel.set_ylim(bottom=0)
            panel.grid(color="0.92", linewidth=0.6)
        for panel in panels[2:]:
            panel.set_xlabel("minutes")
        figure.suptitle(_title(plan, part), fontsize=9)
        try:
            metadata = {"Date": None} if path.suffix == ".svg" else None
            figure.savefig(path, metadata=metadata, dpi=120)
        except OSError as error:
            raise CapacityError(f"--plot {path}: cannot be written ({error.strerror}); name another file") from None
        except ValueError:
            raise CapacityError(f"--plot {path}: unknown format; name it .svg or .png") from None


def _title(plan: CapacityPlan, part: Slice) -> str:
    load = plan.load
    return (
        f"{load.events_a_second:,.0f} events/s, {load.subjects} subjects, {plan.shards} shards, {plan.workers} workers"
        f" of {plan.machine.name}" + (f"; simulated: one in {part.of}" if part.of > 1 else "")
    )


def _backlog(panel: Axes, minutes: Sequence[float], part: Slice, outcome: SimulationResult) -> None:
    panel.set_title("events that are not written, millions", loc="left")
    backlog = [each.backlog * part.of / 1e6 for each in outcome.samples]
    state = [each.in_state * part.of / 1e6 for each in outcome.samples]
    panel.plot(minutes, backlog, color="tab:blue", linewidth=1.2, label="all")
    panel.plot(minutes, state, color="tab:orange", linewidth=1.0, linestyle="--", label="of them in the job's state")
    panel.legend(frameon=False)


def _latency(panel: Axes, minutes: Sequence[float], outcome: SimulationResult) -> None:
    panel.set_title("from arrival to row, seconds (of what is written just then)", loc="left")
    written = [(minute, each) for minute, each in zip(minutes, outcome.samples, strict=True) if each.written_a_second]
    for label, value, color in (("median", "latency_p50", "tab:blue"), ("95 %", "latency_p95", "tab:orange")):
        panel.plot([m for m, _ in written], [getattr(s, value) for _, s in written], ".", color=color, markersize=2)
        panel.plot([], [], color=color, label=label)
    panel.legend(frameon=False)


def _hot_shard(panel: Axes, minutes: Sequence[float], plan: CapacityPlan, outcome: SimulationResult) -> None:
    panel.set_title("waiting at the fullest shard, MB", loc="left")
    waiting = [each.longest_queue * plan.packed_bytes / 1e6 for each in outcome.samples]
    panel.plot(minutes, waiting, color="tab:blue", linewidth=1.2)
    commit = plan.limits["dataflow_commit_bytes"].value / 1e6
    if max(waiting) > BAGS * commit / 3:
        panel.axhline(BAGS * commit, color="tab:red", linewidth=0.8)
        text = f"more would make commits of {commit:,.0f} MB"
        panel.annotate(text, (minutes[-1], BAGS * commit), ha="right", va="bottom", color="tab:red")


def _busy(panel: Axes, minutes: Sequence[float], part: Slice, outcome: SimulationResult) -> None:
    panel.set_title("busy vCPUs, and those there are", loc="left")
    busy = [each.busy_vcpus * part.of for each in outcome.samples]
    panel.plot(minutes, busy, color="tab:blue", linewidth=1.2)
    panel.axhline(part.scenario.workers * part.scenario.vcpus * part.of, color="0.5", linewidth=0.8)


def _faults(panel: Axes, part: Slice) -> None:
    scenario = part.scenario
    if scenario.stall:
        panel.axvspan(scenario.stall[0] / 60, scenario.stall[1] / 60, color="tab:red", alpha=0.08, linewidth=0)
    if scenario.lost_workers:
        until = scenario.lost_at + scenario.takeover_seconds
        panel.axvspan(scenario.lost_at / 60, until / 60, color="tab:purple", alpha=0.12, linewidth=0)
    panel.axvline(scenario.seconds / 60, color="0.7", linewidth=0.8, linestyle=":")
