"""``headrace down``: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.cli.options import Contracts, Dataset, Journal, Json, Profile, Project, examples, read_settings

DOWN_EXAMPLES: Final = examples(
    "headrace down --everything --dry-run",
    "headrace down --everything --project my-trial",
    "headrace down --everything --yes my-trial --json  # in a script",
)


def down(
    everything: Annotated[bool, typer.Option("--everything", help="Needed, because nothing less is removed.")] = False,
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    journal: Journal = None,
    profile: Profile = None,
    local: Annotated[bool, typer.Option("--local", help="Remove files of this machine only; ask no service.")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="Remove the key files too.")] = False,
    dry_run: Annotated[bool, typer.Option(help="List only, and remove nothing.")] = False,
    yes: Annotated[str | None, typer.Option(metavar="PROJECT", help="Remove without asking; repeat the name.")] = None,
    json_output: Json = False,
) -> None:
    """Remove what Headrace has created: topics, tables, files.

    Also subscriptions, the rows in the tables, the journal and caches. Lists them first, and asks for the name of the
    project. Removes only what has the label or the name that Headrace gives. Exits with 1 if something could not be
    removed.
    """
    if not everything:
        raise typer.BadParameter(
            "needed: `headrace down` removes topics, tables with their rows, and the journal; to list them, add "
            "--everything --dry-run",
            param_hint="--everything",
        )
    from headrace.cli.commands.down import Choice, remove_everything

    settings = read_settings(project, dataset, contracts, journal=journal, profile=profile)
    choice = Choice(local_only=local, keys=keys, dry_run=dry_run, agreed=yes, as_json=json_output)
    raise typer.Exit(remove_everything(settings, choice, Path(".headrace")))
