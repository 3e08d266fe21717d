"""``headrace cost``: how its command is called; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.cli.options import Contracts, Dataset, Format, Json, Project, finite, read_settings

ROW_BYTES: Final = 100  # that a row of the sample contracts has more than its event
cost_app = typer.Typer(help="What running it costs.", no_args_is_help=True, rich_markup_mode=None)


@cost_app.callback()
def cost() -> None:
    """What running it costs."""


@cost_app.command("estimate")
def estimate(
    rate: Annotated[
        float, typer.Option(min=0.001, max=1e9, callback=finite, help="Events a second, on average over the month.")
    ],
    event_bytes: Annotated[int, typer.Option(min=1, max=1_048_576, help="Bytes of an encoded event.")],
    row_bytes: Annotated[
        int | None, typer.Option(min=1, max=10_485_760, help="Bytes of a row; default: an event's, and 100.")
    ] = None,
    kept_days: Annotated[int, typer.Option(min=1, max=36_500, help="Days that rows are kept.")] = 400,
    queried_tib: Annotated[
        float, typer.Option(min=0, max=1e9, callback=finite, help="TiB that people's queries read in a month.")
    ] = 1.0,
    refused: Annotated[
        float, typer.Option(min=0, max=1, callback=finite, help="Share of events that become dead letters.")
    ] = 0.001,
    events_a_vcpu: Annotated[
        float, typer.Option(min=1, max=1e9, callback=finite, help="Events a second that one vCPU takes.")
    ] = 1000,
    subjects: Annotated[int, typer.Option(min=1, max=10_000, help="Subjects that the events are spread over.")] = 1,
    engine: Annotated[str, typer.Option(help="dataflow, or embedded on a machine of your own.")] = "dataflow",
    prices: Annotated[Path | None, typer.Option(help="Prices of your own, as a TOML file.")] = None,
    format_: Format = "table",
    json_output: Json = False,
) -> None:
    """Estimate what a load costs in a month. Item by item, with list prices of a stated date.

    Examples: headrace cost estimate --rate 500 --event-bytes 400  |  headrace cost estimate --rate 20
    --event-bytes 2000 --kept-days 30 --json  |  headrace cost estimate --rate 500 --event-bytes 400 --subjects 8
    --engine embedded
    """
    from headrace.cli.commands.cost import show_estimate
    from headrace.planning.cost.estimate import Engine, Load

    if engine not in list(Engine):
        raise typer.BadParameter(f"not one of {', '.join(Engine)}", param_hint="--engine")
    row = row_bytes or event_bytes + ROW_BYTES
    load = Load(rate, event_bytes, row, kept_days, queried_tib, refused, events_a_vcpu, subjects, Engine(engine))
    show_estimate(load, prices, "json" if json_output else format_)


@cost_app.command("measure")
def measure(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    since: Annotated[str, typer.Option(help="Time, date, or how long ago: 6h, 30d.")] = "1d",
    format_: Format = "table",
    json_output: Json = False,
) -> None:
    """Say what load there has been. By tallies and tables; with it an estimate can be held against reality.

    Examples: headrace cost measure  |  headrace cost measure --since 30d --json
    """
    from datetime import UTC, datetime

    from headrace.audit.scope import parse_since
    from headrace.cli.commands.cost_measure import show_measured
    from headrace.runtime.clock import now_micros

    settings, now = read_settings(project, dataset, contracts), now_micros()
    moment = datetime.fromtimestamp(now / 1e6, UTC)
    show_measured(settings, parse_since(since, now), moment, "json" if json_output else format_)
