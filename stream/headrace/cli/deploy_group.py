"""``headrace deploy``: what a person types. Heavy imports wait for their command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.options import Contracts, Dataset, Json, Profile, Project, Rename, read_settings

deploy_app = typer.Typer(help="Look at what Dataflow would get.", no_args_is_help=True, rich_markup_mode=None)


@deploy_app.command("plan")
def deploy_plan(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    profile: Profile = None,
    against: Annotated[
        Path | None, typer.Option(help="Graph of the running job; default: this release's, whatever the subjects.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write the graph there, for the next --against.")] = None,
    rename: Rename = None,
    json_output: Json = False,
) -> None:
    """Print graph, options, and what an update would change. Exit 1 when a running job cannot take it.

    Examples: headrace deploy plan --profile prod --save graph.json  |  headrace deploy plan --against graph.json
    """
    from headrace.cli.commands.deploy import plan

    settings = read_settings(project, dataset, contracts, profile=profile)
    raise typer.Exit(plan(settings, against, save, rename or [], json_output))


@deploy_app.command("drain")
def deploy_drain(project: Project = None, profile: Profile = None) -> None:
    """Print the gcloud command that drains the running job. It runs nothing.

    Examples: headrace deploy drain --profile prod
    """
    from headrace.cli.commands.deploy import drain

    drain(read_settings(project, profile=profile))
