"""``headrace tallies``: options and help; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli.command_group import command_group
from headrace.cli.options import Dataset, Format, Project, examples, read_settings, with_json

tallies_app = command_group("Compact the tallies that the audit reads.")


@tallies_app.callback()
def tallies() -> None:
    """Compact the tallies that the audit reads."""


@tallies_app.command(epilog=examples("headrace tallies compact --dry-run", "headrace tallies compact --older-than 30d"))
@with_json
def compact(
    project: Project = None,
    dataset: Dataset = None,
    older_than: Annotated[str, typer.Option(help="Compact days that ended so long ago: 7d, 72h.")] = "7d",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the lines that would be merged, and change nothing.")
    ] = False,
    format_: Format = "table",
) -> None:
    """Merge the tallies of past days into fewer lines; no sum changes.

    Leaves one line for each subject, outcome, reason and day. It is one statement, which succeeds or changes nothing,
    so that it may be interrupted or run again. Jobs may run meanwhile.
    """
    from headrace.audit.compaction import parse_older_than
    from headrace.cli.commands.tallies import compact_tallies
    from headrace.runtime.clock import now_micros

    age = parse_older_than(older_than)
    settings = read_settings(project, dataset)
    compact_tallies(settings, now_micros(), age, dry_run, format_)
