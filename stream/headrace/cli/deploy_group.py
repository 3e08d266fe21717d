"""``headrace deploy``: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.command_group import command_group
from headrace.cli.options import Contracts, Dataset, Json, Profile, Project, Rename, examples, read_settings

deploy_app = command_group("Plan a deployment to Dataflow, and drain a running job.")


@deploy_app.command(
    "plan",
    epilog=examples(
        "headrace deploy plan --profile prod --save graph.json",
        "headrace deploy plan --against graph.json",
    ),
)
def deploy_plan(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    profile: Profile = None,
    against: Annotated[
        Path | None, typer.Option(help="Graph of the running job; default: the graph of this release.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="File to write the graph to, for the next --against.")] = None,
    rename: Rename = None,
    json_output: Json = False,
) -> None:
    """Print the graph, the options, and the changes of an update.

    Exits with 1 when a running job cannot be updated to it.
    """
    from headrace.cli.commands.deploy import plan

    settings = read_settings(project, dataset, contracts, profile=profile)
    raise typer.Exit(plan(settings, against, save, rename or [], json_output))


@deploy_app.command("drain", epilog=examples("headrace deploy drain --profile prod"))
def deploy_drain(project: Project = None, profile: Profile = None) -> None:
    """Print the gcloud command that drains the running job; run nothing."""
    from headrace.cli.commands.deploy import drain

    drain(read_settings(project, profile=profile))
