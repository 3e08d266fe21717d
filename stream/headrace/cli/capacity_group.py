"""``headrace capacity``: options and help of its commands; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli.command_group import command_group
from headrace.cli.options import Format, examples, finite, with_json

capacity_app = command_group("Estimate capacity on Dataflow, and simulate faults.")

Rate = Annotated[float, typer.Option(min=1, max=1e9, callback=finite, help="Events a second, of all subjects.")]
Kind = Annotated[str, typer.Option(help="Kind of event for the costs: booking_created or flight_departed.")]
EventBytes = Annotated[
    float | None, typer.Option(min=1, max=1e7, callback=finite, help="Bytes of an encoded event; default: the kind's.")
]
RowBytes = Annotated[
    float | None, typer.Option(min=1, max=1e7, callback=finite, help="Bytes of a row; default: the kind's.")
]
Subjects = Annotated[int, typer.Option(min=1, max=1000, help="Number of subjects.")]
Skew = Annotated[
    float,
    typer.Option(
        min=0, max=4, callback=finite, help="Skew of the rates of subjects: 0 for equal rates, 1 for Zipf's law."
    ),
]
Remember = Annotated[
    float, typer.Option(min=1, max=100_000, callback=finite, help="Minutes for which ids are remembered.")
]
Stall = Annotated[float, typer.Option(min=0, max=100_000, callback=finite, help="Minutes of an outage of BigQuery.")]
Shards = Annotated[
    int | None, typer.Option(min=1, max=1000, help="Number of shards; default: the fewest that suffice.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=4000, help="Number of workers; default: the fewest that suffice.")
]
MachineType = Annotated[str, typer.Option(help="Machine type of a worker.")]
MultiRegion = Annotated[bool, typer.Option("--multi-region/--single-region", help="Location of the dataset.")]
OwnLimits = Annotated[Path | None, typer.Option("--limits", help="TOML file with your own limits.")]
Bench = Annotated[Path | None, typer.Option(help="JSON file of headrace bench with the costs of steps.")]


@capacity_app.callback()
def capacity() -> None:
    """Estimate capacity on Dataflow, and simulate faults."""


@capacity_app.command(
    "estimate",
    epilog=examples(
        "headrace capacity estimate --rate 100000",
        "headrace capacity estimate --rate 20000 --kind flight_departed --subjects 20",
    ),
)
@with_json
def estimate(
    rate: Rate,
    kind: Kind = "booking_created",
    event_bytes: EventBytes = None,
    row_bytes: RowBytes = None,
    subjects: Subjects = 1,
    skew: Skew = 1.0,
    remember: Remember = 10.0,
    stall: Stall = 10.0,
    shards: Shards = None,
    workers: Workers = None,
    machine_type: MachineType = "n2-standard-4",
    multi_region: MultiRegion = True,
    limits: OwnLimits = None,
    bench: Bench = None,
    format_: Format = "table",
) -> None:
    """Estimate which limit a load meets first, and print the settings.

    Uses a model of Dataflow: docs/capacity.md.
    """
    from headrace.cli.commands.capacity import make_plan, show_estimate

    load = _load(rate, kind, event_bytes, row_bytes, subjects, skew, remember, stall)
    plan = make_plan(load, kind, machine_type, shards, workers, multi_region, limits, bench)
    show_estimate(plan, format_)


@capacity_app.command(
    "simulate",
    epilog=examples(
        "headrace capacity simulate --rate 10000",
        "headrace capacity simulate --rate 100000 --stall 0 --lose 2 --plot lost.svg",
    ),
)
@with_json
def simulate(
    rate: Rate,
    kind: Kind = "booking_created",
    event_bytes: EventBytes = None,
    row_bytes: RowBytes = None,
    subjects: Subjects = 1,
    skew: Skew = 1.0,
    stall: Stall = 10.0,
    lose: Annotated[int, typer.Option(min=0, help="Number of workers to lose.")] = 0,
    minutes: Annotated[
        float, typer.Option(min=6, max=1440, callback=finite, help="Minutes in which events come.")
    ] = 20.0,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 1,
    plot: Annotated[Path | None, typer.Option(help="File to draw a plot into, .svg or .png.")] = None,
    shards: Shards = None,
    workers: Workers = None,
    machine_type: MachineType = "n2-standard-4",
    multi_region: MultiRegion = True,
    limits: OwnLimits = None,
    bench: Bench = None,
    format_: Format = "table",
) -> None:
    """Simulate how a load recovers from a fault.

    In minute five BigQuery fails for the time of --stall, or workers are lost.
    """
    from headrace.cli.commands.capacity import make_plan
    from headrace.cli.commands.capacity_simulate import show_simulation

    load = _load(rate, kind, event_bytes, row_bytes, subjects, skew, 10.0, stall)
    plan = make_plan(load, kind, machine_type, shards, workers, multi_region, limits, bench)
    show_simulation(plan, minutes, stall, lose, seed, plot, format_)


@capacity_app.command("limits", epilog=examples("headrace capacity limits", "headrace capacity limits --json"))
@with_json
def limits(limits: OwnLimits = None, format_: Format = "table") -> None:
    """List limits and assumptions with date and source."""
    from headrace.cli.commands.capacity import show_limits

    show_limits(limits, format_)


def _load(
    rate: float,
    kind: str,
    event_bytes: float | None,
    row_bytes: float | None,
    subjects: int,
    skew: float,
    remember: float,
    stall: float,
) -> Any:
    from headrace.planning.capacity.calibration import kind_named
    from headrace.planning.capacity.load import Load

    of_kind = kind_named(kind)
    return Load(
        rate,
        event_bytes or of_kind.payload_bytes,
        row_bytes or of_kind.row_bytes,
        subjects,
        skew,
        remember * 60,
        stall * 60,
    )
