"""``headrace template``: options and help; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli.command_group import command_group
from headrace.cli.options import Dataset, Profile, Project, Rename, examples, read_settings

PrintOnly = Annotated[bool, typer.Option("--print-only", help="Print the gcloud command, and run nothing.")]
Backfill = Annotated[bool, typer.Option("--backfill", help="Use the template of backfills, not the streaming one.")]

template_app = command_group("Build the Flex Template, and start jobs from it.")


@template_app.command(
    "build",
    epilog=examples(
        "headrace template build --profile prod --print-only",
        "headrace template build --profile prod --backfill",
    ),
)
def template_build(
    project: Project = None, profile: Profile = None, backfill: Backfill = False, print_only: PrintOnly = False
) -> None:
    """Put the template's file into its bucket with gcloud.

    Push the image before: docs/images.md.
    """
    from headrace.cli.commands.template import build

    build(read_settings(project, profile=profile), backfill, print_only)


@template_app.command(
    "run",
    epilog=examples(
        "headrace template run --profile prod",
        "headrace template run --profile prod --update --print-only",
    ),
)
def template_run(
    project: Project = None,
    dataset: Dataset = None,
    profile: Profile = None,
    update: Annotated[bool, typer.Option("--update", help="Replace the running job.")] = False,
    rename: Rename = None,
    print_only: PrintOnly = False,
) -> None:
    """Start a job from the template with gcloud.

    The job has the contracts of the image.
    """
    from headrace.cli.commands.template import run

    if rename and not update:
        raise typer.BadParameter("needs --update", param_hint="--rename")
    run(read_settings(project, dataset, profile=profile), update, rename or [], print_only)


@template_app.command("metadata", epilog=examples("headrace template metadata > stream/headrace/deploy/metadata.json"))
def template_metadata(backfill: Backfill = False) -> None:
    """Print the template's parameters in Dataflow's format."""
    from headrace.cli.commands.template import print_metadata

    print_metadata(backfill)
