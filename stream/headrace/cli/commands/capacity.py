"""``headrace capacity estimate`` and ``limits``: print the limits that a load meets, and the settings that follow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from headrace.planning.capacity.advise import advised, settings
from headrace.planning.capacity.calibration import load_calibration
from headrace.planning.capacity.limits import Limit, load_limits
from headrace.planning.capacity.load import Load, Machine
from headrace.planning.capacity.needs import CapacityPlan, Need, first, needs
from headrace.util.output import check_format, say, show

_PREFIXES: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def make_plan(
    load: Load,
    kind: str,
    machine: str,
    shards: int | None,
    workers: int | None,
    multi_region: bool,
    limits_file: Path | None,
    bench: Path | None,
) -> CapacityPlan:
    """Return the plan for *load*; compute *shards* and *workers* that are not given. Raises CapacityError."""
    calibration, limits = load_calibration(bench), load_limits(limits_file)
    plan = CapacityPlan(load, calibration.kinds[kind], calibration, limits, Machine.parse(machine), 1, 1, multi_region)
    return advised(plan, shards, workers)


def show_estimate(plan: CapacityPlan, format_: str) -> None:
    """Print the needs of *plan*, the limit that it meets first, and the settings that follow."""
    check_format(format_)
    found = needs(plan)
    if format_ == "table":
        show("needs", [_line(need, plan) for need in found], format_)
        for text in summary(plan, found):
            say(text)
        return
    every = [_every(need, plan) for need in found]
    show("needs", every, format_, first=first(found).what, settings=settings(plan), **_sizes(plan))


def show_limits(path: Path | None, format_: str) -> None:
    """Print every limit with its date and source."""
    check_format(format_)
    limits = load_limits(path)
    if format_ == "table":
        rows: list[dict[str, Any]] = [
            {"limit": name.replace("_", " "), "is": _amount(each), "looked_at": each.looked_at, "note": each.note}
            for name, each in limits.items()
        ]
        show("limits", rows, format_)
        say("?: not checked at its source; the sources are in --json. Name your own with --limits")
        return
    show("limits", [{"name": name, **_fields(limit)} for name, limit in limits.items()], format_)


def summary(plan: CapacityPlan, found: Sequence[Need]) -> list[str]:
    """Return the limit met first, the effect of an outage, the basis of the model, and lines for ``headrace.toml``."""
    met, sizes = first(found), _sizes(plan)
    label = "exceeded" if met.of_it > 1 else "met first"
    return [
        f"{label}: {met.what}, {met.of_it:.0%} of {_amount(met.limit)}",
        *(line for need in found if need.stalled for line in _stall(need, plan)),
        f"{sizes['vcpus']:,.1f} vCPUs busy, {sizes['us_an_event']:,.0f} µs an event (measured {sizes['measured_at']}); "
        f"{human(sizes['state_bytes'], 'B')} of ids in state",
        f"{plan.appends_a_second:,.0f} appends a second, each on a connection of its own",
        "?: not checked at its source; see `headrace capacity limits`, docs/capacity.md",
        "",
        *toml_lines(plan),
    ]


def _stall(need: Need, plan: CapacityPlan) -> list[str]:
    if not need.of_it:  # the load has no outage
        return []
    minutes = plan.load.stall_seconds / need.of_it / 60
    turning = plan.turning_seconds / 60
    return [
        f"a hot shard commits {_amount(need.limit)} at once after {minutes:,.4g} minutes without BigQuery",
        f"after {turning:,.4g} minutes without it a hot shard cannot catch up at this rate",
    ]


def toml_lines(plan: CapacityPlan) -> list[str]:
    """Return the settings as lines of ``headrace.toml``."""
    chosen = settings(plan)
    dataflow = chosen.pop("dataflow")
    return [
        *(f"{name} = {value}" for name, value in chosen.items()),
        "[dataflow]",
        *(f"{name} = {value!r}".replace("'", '"') for name, value in dataflow.items()),
    ]


def human(quantity: float, unit: str) -> str:
    """Format a quantity for a table: bytes with a prefix, other units in full.

    >>> human(1_234_567, "B/s"), human(4000, "workers"), human(0.25, "vCPU")
    ('1.23 MB/s', '4,000 workers', '0.25 vCPU')
    """
    if unit[:1] != "B":
        unit = unit.removesuffix("s") if quantity == 1 else unit
        return f"{quantity:,.0f} {unit}" if quantity >= 10 else f"{quantity:.2g} {unit}"
    size, prefix = next((each for each in _PREFIXES if quantity >= each[0]), (1.0, ""))
    return f"{quantity / size:,.3g} {prefix}{unit}" if quantity < 1e15 else f"{quantity:.2g} {unit}"


def _line(need: Need, plan: CapacityPlan) -> dict[str, Any]:
    return {
        "what": need.what,
        "needs": human(need.quantity, need.limit.unit),
        "of": _amount(need.limit),
        "share": f"{need.of_it:,.0%}" if need.of_it >= 0.01 else "<1%",
        "full_at": _full_at(need, plan),
    }


def _full_at(need: Need, plan: CapacityPlan) -> str:
    """Return the rate at which the limit is met with the same shards."""
    if need.fixed or not need.of_it:
        return "any rate"
    rate = plan.load.events_a_second / need.of_it
    return f"{rate / 1e6:,.3g} M/s" if rate >= 1e6 else f"{rate / 1e3:,.3g} k/s"


def _amount(limit: Limit) -> str:
    return f"{human(limit.value, limit.unit)}{'' if limit.checked else ' ?'}"


def _every(need: Need, plan: CapacityPlan) -> dict[str, Any]:
    return {
        "what": need.what,
        "because": need.why,
        "quantity": need.quantity,
        "share": need.of_it,
        "limit": _fields(need.limit),
        "full_at_events_a_second": None if need.fixed or not need.of_it else plan.load.events_a_second / need.of_it,
    }


def _fields(limit: Limit) -> dict[str, Any]:
    return {name: getattr(limit, name) for name in Limit.__slots__}


def _sizes(plan: CapacityPlan) -> dict[str, Any]:
    return {
        "events_a_second": plan.load.events_a_second,
        "vcpus": plan.vcpus,
        "us_an_event": plan.vcpus / plan.load.events_a_second * 1e6,
        "keys": plan.keys,
        "appends_a_second": plan.appends_a_second,
        "state_bytes": plan.state_bytes,
        "turning_seconds": plan.turning_seconds,
        "engine_bytes_a_second": plan.engine_bytes,
        "measured_at": plan.calibration.measured_at,
    }
