"""``headrace cost``: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.cli.command_group import command_group
from headrace.cli.options import Contracts, Dataset, Format, Project, examples, finite, read_settings, with_json

ROW_BYTES: Final = 100  # a row of the sample contracts is larger than its event by this
cost_app = command_group("Estimate the cost of a load, and measure the load.")


@cost_app.callback()
def cost() -> None:
    """Estimate the cost of a load, and measure the load."""


@cost_app.command(
    "estimate",
    epilog=examples(
        "headrace cost estimate --rate 500 --event-bytes 400",
        "headrace cost estimate --rate 20 --event-bytes 2000 --kept-days 30 --json",
        "headrace cost estimate --rate 500 --event-bytes 400 --engine embedded",
    ),
)
@with_json
def estimate(
    rate: Annotated[
        float, typer.Option(min=0.001, max=1e9, callback=finite, help="Events a second, on average over the month.")
    ],
    event_bytes: Annotated[int, typer.Option(min=1, max=16_777_216, help="Bytes of an encoded event.")],
    row_bytes: Annotated[
        int | None, typer.Option(min=1, max=10_485_760, help="Bytes of a row; default: those of an event, plus 100.")
    ] = None,
    kept_days: Annotated[int, typer.Option(min=1, max=36_500, help="Days that rows are kept.")] = 400,
    queried_tib: Annotated[
        float, typer.Option(min=0, max=1e9, callback=finite, help="TiB that users' queries read in a month.")
    ] = 1.0,
    refused: Annotated[
        float, typer.Option(min=0, max=1, callback=finite, help="Share of events that become dead letters.")
    ] = 0.001,
    events_a_vcpu: Annotated[
        float, typer.Option(min=1, max=1e9, callback=finite, help="Events a second that one vCPU handles.")
    ] = 1000,
    subjects: Annotated[int, typer.Option(min=1, max=10_000, help="Number of subjects.")] = 1,
    engine: Annotated[str, typer.Option(help="Engine: dataflow, or embedded on your own machine.")] = "dataflow",
    prices: Annotated[Path | None, typer.Option(help="TOML file with your own prices.")] = None,
    format_: Format = "table",
) -> None:
    """Estimate the monthly cost of a load, item by item.

    Uses list prices of a stated date.
    """
    from headrace.cli.commands.cost import show_estimate
    from headrace.planning.cost.estimate import Engine, MonthlyLoad

    if engine not in list(Engine):
        raise typer.BadParameter(f"unknown; use one of {', '.join(Engine)}", param_hint="--engine")
    row = row_bytes or event_bytes + ROW_BYTES
    load = MonthlyLoad(rate, event_bytes, row, kept_days, queried_tib, refused, events_a_vcpu, subjects, Engine(engine))
    show_estimate(load, prices, format_)


@cost_app.command("measure", epilog=examples("headrace cost measure", "headrace cost measure --since 30d --json"))
@with_json
def measure(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    since: Annotated[str, typer.Option(help="Begin of the measurement: 6h, 30d, a date, or an RFC 3339 time.")] = "1d",
    format_: Format = "table",
) -> None:
    """Measure the load so far, by tallies and tables.

    Prints the options with which `headrace cost estimate` estimates the same load.
    """
    from datetime import UTC, datetime

    from headrace.audit.scope import parse_since
    from headrace.cli.commands.cost_measure import show_measured
    from headrace.runtime.clock import now_micros

    settings, now = read_settings(project, dataset, contracts), now_micros()
    moment = datetime.fromtimestamp(now / 1e6, UTC)
    show_measured(settings, parse_since(since, now), moment, format_)
