"""``headrace replay``: options and help; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from headrace.cli.letter_filters import choosing
from headrace.cli.options import Contracts, Format, Project, examples, finite, read_settings, with_json

REPLAY_EXAMPLES: Final = examples(
    "headrace replay --reason unknown_schema --since 2h --dry-run",
    "headrace replay --rate 100 --yes",
)


@choosing("open")
@with_json
def replay(
    wanted: Any,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and send nothing.")] = False,
    only_passing: Annotated[
        bool, typer.Option("--only-passing", help="Leave out letters with an unknown outcome.")
    ] = False,
    also_failing: Annotated[bool, typer.Option("--also-failing", help="Send letters that would fail too.")] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.01, max=1e6, callback=finite, help="Limit of letters a second.")
    ] = None,
    max_: Annotated[int | None, typer.Option("--max", min=1, help="Limit of letters; sends the oldest.")] = None,
    why: Annotated[str, typer.Option(help="Reason for the trail.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    project: Project = None,
    contracts: Contracts = None,
    format_: Format = "table",
) -> None:
    """Send dead letters again that the job can read now.

    Prints the plan and asks first. Chooses open letters by default. Leaves out letters that would fail again. After
    an interruption, run it again: it continues.
    """
    from headrace.cli.commands.replay import run_replay
    from headrace.cli.commands.replay_request import ReplayRequest

    request = ReplayRequest(only_passing, also_failing, rate, max_, dry_run, yes, why)
    raise typer.Exit(run_replay(read_settings(project, None, contracts), wanted, request, format_))
