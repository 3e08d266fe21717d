"""``headrace template``: what a person types. Heavy imports wait for their command."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli.options import Dataset, Profile, Project, Rename, read_settings

PrintOnly = Annotated[bool, typer.Option("--print-only", help="Print the gcloud command; run nothing.")]

Backfill = Annotated[bool, typer.Option("--backfill", help="The template that backfills, not the one that streams.")]

template_app = typer.Typer(help="Dataflow's Flex Template.", no_args_is_help=True, rich_markup_mode=None)


@template_app.command("build")
def template_build(
    project: Project = None, profile: Profile = None, backfill: Backfill = False, print_only: PrintOnly = False
) -> None:
    """Put the template's file into its bucket, with gcloud. The image must be there already: docs/images.md.

    Examples: headrace template build --profile prod --print-only  |  headrace template build --profile prod --backfill
    """
    from headrace.cli.commands.template import build

    build(read_settings(project, profile=profile), backfill, print_only)


@template_app.command("run")
def template_run(
    project: Project = None,
    dataset: Dataset = None,
    profile: Profile = None,
    update: Annotated[bool, typer.Option("--update", help="Take the place of the running job.")] = False,
    rename: Rename = None,
    print_only: PrintOnly = False,
) -> None:
    """Start a job from the template, with gcloud. Its contracts are those of the image.

    Examples: headrace template run --profile prod  |  headrace template run --profile prod --update --print-only
    """
    from headrace.cli.commands.template import run

    if rename and not update:
        raise typer.BadParameter("only with --update", param_hint="--rename")
    run(read_settings(project, dataset, profile=profile), update, rename or [], print_only)


@template_app.command("metadata")
def template_metadata(backfill: Backfill = False) -> None:
    """Print the template's parameters, as Dataflow reads them.

    Examples: headrace template metadata > stream/headrace/deploy/metadata.json
    """
    from headrace.cli.commands.template import print_metadata

    print_metadata(backfill)
