"""``headrace status`` and ``tail``: options and help; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from headrace.cli import completion
from headrace.cli.options import (
    Contracts,
    Dataset,
    Format,
    Journal,
    Profile,
    Project,
    examples,
    finite,
    with_json,
)

STATUS_EXAMPLES: Final = examples(
    "headrace status",
    "headrace status --watch",
    "headrace status order_placed --json",
)
TAIL_EXAMPLES: Final = examples(
    "headrace tail order_placed",
    "headrace tail order_placed --outcome dead_lettered --limit 10",
    "headrace tail order_placed --where country=DE --json",
)


@with_json
def status(
    subject: Annotated[
        list[str] | None,
        typer.Argument(help="Show these subjects alone; default: all.", autocompletion=completion.subjects),
    ] = None,
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    journal: Journal = None,
    profile: Profile = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again and again until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.5, callback=finite, help="Seconds between two looks of --watch.")] = 2.0,
    format_: Format = "table",
) -> None:
    """Show what the job does now: speeds, backlogs, and problems.

    Asks the engine on this machine, Pub/Sub's counts, and the tables. What cannot be asked is shown as unknown. Exits
    with 1 if the engine has problems.
    """
    from headrace.cli.commands.status import run_status

    flags = {"project": project, "dataset": dataset, "contracts": contracts, "journal": journal, "profile": profile}
    raise typer.Exit(run_status(flags, subject or [], every if watch else None, format_))


def tail(
    subject: Annotated[str, typer.Argument(help="Subject to follow.", autocompletion=completion.subjects)],
    outcome: Annotated[
        list[str] | None,
        typer.Option(
            help="Show written, duplicate, dropped or dead_lettered events alone; repeatable.",
            autocompletion=completion.outcomes,
        ),
    ] = None,
    reason: Annotated[
        list[str] | None,
        typer.Option(help="Show dead letters with this reason; repeatable.", autocompletion=completion.reasons),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Show events whose column has this value, COLUMN=VALUE; repeatable.")
    ] = None,
    text: Annotated[str, typer.Option(help="Show dead letters with this text in the detail.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0.0, callback=finite, help="End after so many seconds.")
    ] = None,
    journal: Journal = None,
    profile: Profile = None,
    format_: Format = "table",
    json_output: Annotated[bool, typer.Option("--json", help="Same as --format ndjson.")] = False,
) -> None:
    """Follow the events of a subject, with their outcomes.

    Run it on the machine of the engine, as its account; Ctrl-C ends it. Rows are masked. Of many events it shows a
    sample, and says how many it left out.
    """
    from headrace.cli.commands.tail import Wanted, run_tail
    from headrace.config.settings import load_settings

    wanted = Wanted.of(outcome or [], reason or [], where or [], text)
    folder = load_settings(journal=journal, profile=profile).journal
    run_tail(folder, subject, wanted, limit, seconds, "ndjson" if json_output else format_)
