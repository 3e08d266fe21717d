"""``headrace scale``: how its commands are called; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli.options import Format, Json, finite

scale_app = typer.Typer(
    help="What limits it past one machine, and how it recovers.", no_args_is_help=True, rich_markup_mode=None
)

Rate = Annotated[float, typer.Option(min=1, max=1e9, callback=finite, help="Events a second, of all subjects.")]
Kind = Annotated[str, typer.Option(help="Whose costs an event has: booking_created or flight_departed.")]
EventBytes = Annotated[
    float | None, typer.Option(min=1, max=1e7, callback=finite, help="Bytes of an encoded event; default: of its kind.")
]
RowBytes = Annotated[
    float | None, typer.Option(min=1, max=1e7, callback=finite, help="Bytes of a row; default: of its kind.")
]
Subjects = Annotated[int, typer.Option(min=1, max=1000, help="How many subjects there are.")]
Skew = Annotated[
    float, typer.Option(min=0, max=4, callback=finite, help="How unlike subjects are: 0 all alike, 1 Zipf's law.")
]
Remember = Annotated[
    float, typer.Option(min=1, max=100_000, callback=finite, help="Minutes in which an event may come again.")
]
Stall = Annotated[
    float, typer.Option(min=0, max=100_000, callback=finite, help="Minutes for which BigQuery may take nothing.")
]
Shards = Annotated[int | None, typer.Option(min=1, max=1000, help="Shards; default: as few as will do.")]
Workers = Annotated[int | None, typer.Option(min=1, max=4000, help="Workers; default: as few as will do.")]
MachineType = Annotated[str, typer.Option(help="Machine type of a worker.")]
MultiRegion = Annotated[bool, typer.Option("--multi-region/--single-region", help="Where the dataset is.")]
OwnLimits = Annotated[Path | None, typer.Option("--limits", help="Limits of your own, as a TOML file.")]
Bench = Annotated[Path | None, typer.Option(help="Costs of steps, as the JSON of a benchmark.")]


@scale_app.callback()
def scale() -> None:
    """What limits it past one machine, and how it recovers."""


@scale_app.command("estimate")
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
    json_output: Json = False,
) -> None:
    """Say which limit a load meets first, and the settings. On Dataflow, by a model.

    Examples: headrace scale estimate --rate 100000  |  headrace scale estimate --rate 20000 --kind flight_departed
    --subjects 20 --single-region --json
    """
    from headrace.cli.commands.scale import make_plan, show_estimate

    load = _load(rate, kind, event_bytes, row_bytes, subjects, skew, remember, stall)
    plan = make_plan(load, kind, machine_type, shards, workers, multi_region, limits, bench)
    show_estimate(plan, "json" if json_output else format_)


@scale_app.command("simulate")
def simulate(
    rate: Rate,
    kind: Kind = "booking_created",
    event_bytes: EventBytes = None,
    row_bytes: RowBytes = None,
    subjects: Subjects = 1,
    skew: Skew = 1.0,
    stall: Stall = 10.0,
    lose: Annotated[int, typer.Option(min=0, help="Workers that are lost.")] = 0,
    minutes: Annotated[
        float, typer.Option(min=6, max=1440, callback=finite, help="Minutes in which events come.")
    ] = 20.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 1,
    plot: Annotated[Path | None, typer.Option(help="Draw it into this file, .svg or .png.")] = None,
    shards: Shards = None,
    workers: Workers = None,
    machine_type: MachineType = "n2-standard-4",
    multi_region: MultiRegion = True,
    limits: OwnLimits = None,
    bench: Bench = None,
    format_: Format = "table",
    json_output: Json = False,
) -> None:
    """Simulate how a load recovers from a fault. From minute five on BigQuery takes nothing, or workers are lost.

    Examples: headrace scale simulate --rate 10000  |  headrace scale simulate --rate 100000 --stall 0 --lose 2
    --plot lost.svg
    """
    from headrace.cli.commands.scale import make_plan
    from headrace.cli.commands.scale_simulate import show_simulation

    load = _load(rate, kind, event_bytes, row_bytes, subjects, skew, 10.0, stall)
    plan = make_plan(load, kind, machine_type, shards, workers, multi_region, limits, bench)
    show_simulation(plan, minutes, stall, lose, seed, plot, "json" if json_output else format_)


@scale_app.command("limits")
def limits(limits: OwnLimits = None, format_: Format = "table", json_output: Json = False) -> None:
    """List limits and assumptions, with date and source.

    Examples: headrace scale limits  |  headrace scale limits --json
    """
    from headrace.cli.commands.scale import show_limits

    show_limits(limits, "json" if json_output else format_)


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
