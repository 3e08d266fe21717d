"""``headrace dead-letters``: options and help of its commands; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli import completion
from headrace.cli.command_group import command_group
from headrace.cli.letter_filters import choosing
from headrace.cli.options import Contracts, Format, LogFormat, Project, examples, read_settings, with_json

dead_letters_app = command_group("List, explain, edit and move dead letters.")

Why = Annotated[str, typer.Option(help="Reason for the trail.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show personal values; needs --why, and is recorded.")]
Id = Annotated[
    str, typer.Argument(help="Id of a letter, or a unique beginning of it.", autocompletion=completion.letter_ids)
]


@dead_letters_app.command(
    "list",
    epilog=examples(
        "headrace dead-letters list --group-by reason,subject,hour",
        "headrace dead-letters list --since 2h",
    ),
)
@choosing("open")
@with_json
def list_(
    wanted: Any,
    group_by: Annotated[
        str | None,
        typer.Option(help="Count by reason, subject, claimed, source, state, stage, version, hour, day."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Letters on a page.")] = 50,
    page: Annotated[int, typer.Option(min=1, help="Number of the page.")] = 1,
    project: Project = None,
    format_: Format = "table",
) -> None:
    """List dead letters, the newest first.

    Lists open letters by default. Changes nothing, and shows no payload.
    """
    from headrace.cli.commands.dead_letters import list_letters
    from headrace.console.letter_groups import group_letters

    settings = read_settings(project)
    if group_by is not None:
        group_letters(settings, wanted, group_by, format_)
    else:
        list_letters(settings, wanted, limit, page, format_)


@dead_letters_app.command(
    epilog=examples(
        "headrace dead-letters show 3f2a9c",
        'headrace dead-letters show 3f2a9c --reveal --why "ticket 17"',
    )
)
@with_json
def show(
    letter: Id,
    reveal: Reveal = False,
    why: Why = "",
    project: Project = None,
    contracts: Contracts = None,
    format_: Format = "table",
) -> None:
    """Explain one letter, to the field and the byte.

    Prints its history and the next step too.
    """
    from headrace.cli.commands.dead_letter import show_letter

    show_letter(read_settings(project, None, contracts), letter, reveal, why, format_)


@dead_letters_app.command(
    epilog=examples(
        "headrace dead-letters edit 3f2a9c",
        'headrace dead-letters edit --text total --patch \'{"total": "12.50"}\'',
    )
)
@choosing("open")
def edit(
    wanted: Any,
    patch: Annotated[
        str | None, typer.Option(help="JSON merge patch (RFC 7396) of the event, or a file of it.")
    ] = None,
    payload: Annotated[Path | None, typer.Option(help="File with the whole event as JSON, instead of a patch.")] = None,
    set_attribute: Annotated[list[str] | None, typer.Option(help="Attribute to set, name=value; repeatable.")] = None,
    unset_attribute: Annotated[
        list[str] | None, typer.Option(help="Name of an attribute to remove; repeatable.")
    ] = None,
    as_: Annotated[
        str | None, typer.Option("--as", help="Contract to read and write the event with, SUBJECT:VERSION.")
    ] = None,
    reveal: Reveal = False,
    why: Why = "",
    yes: Yes = False,
    project: Project = None,
    contracts: Contracts = None,
) -> None:
    """Edit one letter in $EDITOR, or several with a patch.

    The job's own decoder must accept the result. The archive keeps the original. Sends nothing: use headrace replay.
    """
    from headrace.cli.commands.dead_letters_edit import EditRequest, edit_letters

    request = EditRequest(patch, payload, set_attribute or (), unset_attribute or (), as_)
    edit_letters(read_settings(project, None, contracts), wanted, request, why, yes, reveal)


@dead_letters_app.command(
    epilog=examples(
        'headrace dead-letters discard 3f2a9c --why "a test"',
        'headrace dead-letters discard --reason too_late --until 30d --why "not needed"',
    )
)
@choosing("open")
def discard(
    wanted: Any,
    why: Annotated[str, typer.Option(help="Reason for the trail.")],
    yes: Yes = False,
    project: Project = None,
) -> None:
    """Discard open letters that need no replay.

    They stay in the archive, and can be reopened.
    """
    from headrace.cli.commands.dead_letters import discard_letters

    discard_letters(read_settings(project), wanted, why, yes)


@dead_letters_app.command(
    epilog=examples(
        "headrace dead-letters reopen 3f2a9c",
        "headrace dead-letters reopen --reason too_late --yes",
    )
)
@choosing("discarded")
def reopen(wanted: Any, why: Why = "", yes: Yes = False, project: Project = None) -> None:
    """Reopen letters that were discarded or replayed."""
    from headrace.cli.commands.dead_letters import reopen_letters

    reopen_letters(read_settings(project), wanted, why, yes)


@dead_letters_app.command(
    epilog=examples('headrace dead-letters export --reason too_late --file late.ndjson --why "for analysis"')
)
@choosing()
def export(
    wanted: Any,
    file: Annotated[Path, typer.Option(help="New file to write, or - for stdout.")],
    why: Annotated[str, typer.Option(help="Reason for the trail, because personal data is exported.")],
    project: Project = None,
) -> None:
    """Write complete letters to a file, one JSON object a line.

    The trail records it.
    """
    from headrace.cli.commands.dead_letters_move import export_letters

    export_letters(read_settings(project), file, wanted, why)


@dead_letters_app.command(
    "import",
    epilog=examples("headrace dead-letters import late.ndjson", "headrace dead-letters import - < late.ndjson"),
)
def import_(
    file: Annotated[Path, typer.Argument(help="File that export wrote, or - for stdin.")],
    why: Why = "",
    project: Project = None,
) -> None:
    """Import letters from a file that export wrote.

    Letters that the archive has already stay as they are.
    """
    from headrace.cli.commands.dead_letters_move import import_letters

    import_letters(read_settings(project), file, why)


@dead_letters_app.command(
    epilog=examples("headrace dead-letters history 3f2a9c", "headrace dead-letters history --format ndjson")
)
@with_json
def history(
    letter: Annotated[
        str | None,
        typer.Argument(help="Id of a letter; default: the whole trail.", autocompletion=completion.letter_ids),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Limit of the entries of the trail.")] = 50,
    project: Project = None,
    format_: Format = "table",
) -> None:
    """Show the actions on one letter or on all, with person and reason."""
    from headrace.cli.commands.dead_letters_history import show_history

    show_history(read_settings(project), letter, limit, format_)


@dead_letters_app.command(
    epilog=examples(
        "headrace dead-letters collect",
        "HEADRACE_ARCHIVE_KEY_FILE=archive.key headrace dead-letters collect",
    )
)
def collect(project: Project = None, log_format: LogFormat = None) -> None:
    """Move letters from their topic into the archive.

    Runs as a service until SIGTERM or Ctrl-C.
    """
    from headrace.cli.commands.collect import collect_until_stopped

    collect_until_stopped(read_settings(project, log_format=log_format))
