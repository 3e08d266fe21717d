"""``headrace capacity simulate``: print how a backlog grows and shrinks, and plot it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from headrace.cli.commands.capacity import human
from headrace.planning.capacity.needs import CapacityPlan
from headrace.planning.capacity.scenario import Slice, slice_of
from headrace.planning.capacity.simulation_samples import Sample, SimulationResult
from headrace.runtime.extras import require
from headrace.util.output import check_format, say, show

LINES: Final = 16


def show_simulation(
    plan: CapacityPlan, minutes: float, stall: float, lost: int, seed: int, plot: Path | None, format_: str
) -> None:
    """Simulate *plan* with an outage of BigQuery of *stall* minutes and *lost* workers, and print the result.

    Raises:
        CapacityError: all workers would be lost.
        ModuleNotFoundError: the extra `capacity` is not installed.
    """
    check_format(format_)
    if plot is not None:
        require("matplotlib")
    from headrace.planning.capacity.simulation import simulate

    part = slice_of(plan, minutes, stall, lost)
    outcome = simulate(part.scenario, seed)
    if format_ == "table":
        show("samples", [_line(each, plan, part) for each in _some(outcome.samples)], format_)
        for text in summary(plan, part, outcome):
            say(text)
    else:
        show(
            "samples",
            [_every(each, part) for each in outcome.samples],
            format_,
            seed=seed,
            **_sums(plan, part, outcome),
        )
    if plot is not None:
        _plot(plan, part, outcome, plot)


def summary(plan: CapacityPlan, part: Slice, outcome: SimulationResult) -> list[str]:
    """Return the result in a few lines."""
    commit = plan.limits["dataflow_commit_bytes"]
    scenario = part.scenario
    of = f"a slice of one in {part.of}: " if part.of > 1 else ""
    lines = [
        f"{of}{len(scenario.rates)} keys on {human(scenario.workers, 'workers')} of {scenario.vcpus} vCPUs",
        f"backlog {human_count(outcome.most_backlog * part.of)} events at most",
        f"the longest wait was {outcome.most_latency:,.0f} s",
    ]
    if scenario.faults_end:
        lines.append(_recovered(outcome))
    if outcome.largest_commit > commit.value:
        size = human(outcome.largest_commit, "B")
        lines.append(
            f"a shard would commit {size} at once, more than {human(commit.value, 'B')} ?: see docs/capacity.md"
        )
    return lines


def _recovered(outcome: SimulationResult) -> str:
    after, scenario = outcome.recovered_after, outcome.scenario
    if after is None:
        return "never recovered"
    late = scenario.faults_end + after - scenario.seconds
    if late > 0:
        return f"recovered {late / 60:,.1f} minutes after the last event, not while events came"
    return f"recovered {after / 60:,.1f} minutes after the fault ended"


def human_count(events: float) -> str:
    """Format a number of events.

    >>> human_count(1_234_567), human_count(999)
    ('1.23 M', '999')
    """
    size, prefix = next(
        ((size, name) for size, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")) if events >= size), (1, "")
    )
    return f"{events / size:.3g}{prefix}"


def _some(samples: Sequence[Sample]) -> Sequence[Sample]:
    step = max(1, -(-len(samples) // LINES))
    return samples[step - 1 :: step]


def _line(sample: Sample, plan: CapacityPlan, part: Slice) -> dict[str, Any]:
    return {
        "minute": f"{sample.seconds / 60:,.1f}",
        "written": f"{human_count(sample.written_a_second * part.of)}/s",
        "backlog": human_count(sample.backlog * part.of),
        "in_state": human_count(sample.in_state * part.of),
        "hot_shard": human(sample.longest_queue * plan.packed_bytes, "B"),
        "p50": _seconds(sample.latency_p50, sample),
        "p95": _seconds(sample.latency_p95, sample),
        "busy": f"{sample.busy_vcpus / (part.scenario.workers * part.scenario.vcpus):.0%}",
    }


def _seconds(latency: float, sample: Sample) -> str:
    return f"{latency:,.1f} s" if sample.written_a_second else "-"


def _every(sample: Sample, part: Slice) -> dict[str, Any]:
    of = part.of
    return {
        "seconds": sample.seconds,
        "arrived": sample.arrived * of,
        "decided": sample.decided * of,
        "written": sample.written * of,
        "latency_p50": sample.latency_p50,
        "latency_p95": sample.latency_p95,
        "latency_max": sample.latency_max,
        "longest_queue": sample.longest_queue,
        "busy_vcpus": sample.busy_vcpus * of,
    }


def _sums(plan: CapacityPlan, part: Slice, outcome: SimulationResult) -> dict[str, Any]:
    return {
        "slice_of": part.of,
        "keys": len(part.scenario.rates),
        "workers": part.scenario.workers,
        "most_backlog": outcome.most_backlog * part.of,
        "most_in_state_bytes": outcome.most_in_state * part.of * plan.packed_bytes,
        "largest_commit_bytes": outcome.largest_commit,
        "recovered_after_seconds": outcome.recovered_after,
        "most_latency_seconds": outcome.most_latency,
        "mean_latency_seconds": outcome.mean_latency,
    }


def _plot(plan: CapacityPlan, part: Slice, outcome: SimulationResult, path: Path) -> None:
    from headrace.planning.capacity.plot import draw

    draw(plan, part, outcome, path)
    say(f"drawn: {path}")
