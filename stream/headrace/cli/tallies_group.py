"""``headrace tallies``: how it is called; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli.options import Dataset, Format, Json, Project, read_settings

tallies_app = typer.Typer(help="Keep the audit's evidence small.", no_args_is_help=True, rich_markup_mode=None)


@tallies_app.callback()
def tallies() -> None:
    """Keep the audit's evidence small."""


@tallies_app.command()
def compact(
    project: Project = None,
    dataset: Dataset = None,
    older_than: Annotated[str, typer.Option(help="Only lines of days that ended so long ago: 7d, 72h.")] = "7d",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be put together, and change nothing.")
    ] = False,
    format_: Format = "table",
    json_output: Json = False,
) -> None:
    """Put the tallies of past days together into fewer lines. No sum changes.

    A line is left for each subject, outcome, reason and day.

    One statement, which happens or does not: interrupted or run again, it harms nothing; jobs may run meanwhile.

    Examples: headrace tallies compact --dry-run  |  headrace tallies compact --older-than 30d
    """
    from headrace.audit.compaction import parse_older_than
    from headrace.cli.commands.tallies import compact_tallies
    from headrace.runtime.clock import now_micros

    age = parse_older_than(older_than)
    settings = read_settings(project, dataset)
    compact_tallies(settings, now_micros(), age, dry_run, "json" if json_output else format_)
