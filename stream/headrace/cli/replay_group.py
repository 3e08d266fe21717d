"""``headrace replay``: how it is called; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from headrace.cli.letter_filters import choosing
from headrace.cli.options import Contracts, Format, Json, Project, finite, read_settings


@choosing("open")
def replay(
    wanted: Any,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    only_passing: Annotated[bool, typer.Option("--only-passing", help="Leave out what only sending can show.")] = False,
    also_failing: Annotated[bool, typer.Option("--also-failing", help="Send what would fail today, too.")] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.01, max=1e6, callback=finite, help="Letters a second at most.")
    ] = None,
    max_: Annotated[int | None, typer.Option("--max", min=1, help="Letters at most, the oldest first.")] = None,
    why: Annotated[str, typer.Option(help="The reason, for the trail.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    project: Project = None,
    contracts: Contracts = None,
    format_: Format = "table",
    json_output: Json = False,
) -> None:
    """Send dead letters again that would pass today. First says which would, and asks; open ones by default.

    What would fail today is not sent. Interrupted, run it again: it goes on where it was.

    Examples: headrace replay --reason unknown_schema --since 2h --dry-run  |  headrace replay --rate 100 --yes
    """
    from headrace.cli.commands.replay import ReplayRequest, run_replay

    request = ReplayRequest(only_passing, also_failing, rate, max_, dry_run, yes, why)
    format_ = "json" if json_output else format_
    raise typer.Exit(run_replay(read_settings(project, None, contracts), wanted, request, format_))
