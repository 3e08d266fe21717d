"""``headrace dead-letters``: how its commands are called; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli.letter_filters import choosing
from headrace.cli.options import Contracts, Format, Json, Project, read_settings

dead_letters_app = typer.Typer(
    help="Look at what the job refused, and mend it.", no_args_is_help=True, rich_markup_mode=None
)

Why = Annotated[str, typer.Option(help="The reason, for the trail.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show personal values; needs --why, and is recorded.")]
Id = Annotated[str, typer.Argument(help="Id of a letter, as short as it is unique.")]


@dead_letters_app.command("list")
@choosing("open")
def list_(
    wanted: Any,
    group_by: Annotated[
        str | None,
        typer.Option(help="Count by some of reason, subject, claimed, source, state, stage, version, hour, day."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Letters on a page.")] = 50,
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
    project: Project = None,
    format_: Format = "table",
    json_output: Json = False,
) -> None:
    """List dead letters, the newest first. Open ones by default; looking takes nothing away and shows no payload.

    Examples: headrace dead-letters list --group-by reason,subject,hour  |  headrace dead-letters list --since 2h
    """
    from headrace.cli.commands.dead_letters import list_letters
    from headrace.console.letter_groups import group_letters

    settings, format_ = read_settings(project), "json" if json_output else format_
    if group_by is not None:
        group_letters(settings, wanted, group_by, format_)
    else:
        list_letters(settings, wanted, limit, page, format_)


@dead_letters_app.command()
def show(
    letter: Id,
    reveal: Reveal = False,
    why: Why = "",
    project: Project = None,
    contracts: Contracts = None,
    format_: Format = "table",
    json_output: Json = False,
) -> None:
    """Explain one letter, to the field and the byte. And say what was done with it, and what to do next.

    Examples: headrace dead-letters show 3f2a9c  |  headrace dead-letters show 3f2a9c --reveal --why "ticket 17"
    """
    from headrace.cli.commands.dead_letter import show_letter

    show_letter(read_settings(project, None, contracts), letter, reveal, why, "json" if json_output else format_)


@dead_letters_app.command()
@choosing("open")
def edit(
    wanted: Any,
    patch: Annotated[str | None, typer.Option(help="JSON merge patch (RFC 7396) of the event, or its file.")] = None,
    payload: Annotated[Path | None, typer.Option(help="File with the whole event as JSON, instead.")] = None,
    set_attribute: Annotated[list[str] | None, typer.Option(help="name=value; may be given again.")] = None,
    unset_attribute: Annotated[list[str] | None, typer.Option(help="Name; may be given again.")] = None,
    as_: Annotated[str | None, typer.Option("--as", help="SUBJECT:VERSION to read and write it with.")] = None,
    reveal: Reveal = False,
    why: Why = "",
    yes: Yes = False,
    project: Project = None,
    contracts: Contracts = None,
) -> None:
    """Mend letters, in $EDITOR or with a patch. A patch may be for all that match; what was refused stays beside it.

    The result must be what the job's own decoder accepts. Nothing is sent: that is what replay is for.

    Examples: headrace dead-letters edit 3f2a9c  |  headrace dead-letters edit --text total --patch '{"total": "12.50"}'
    """
    from headrace.cli.commands.dead_letters_edit import EditRequest, edit_letters

    request = EditRequest(patch, payload, set_attribute or (), unset_attribute or (), as_)
    edit_letters(read_settings(project, None, contracts), wanted, request, why, yes, reveal)


@dead_letters_app.command()
@choosing("open")
def discard(
    wanted: Any,
    why: Annotated[str, typer.Option(help="The reason, for the trail.")],
    yes: Yes = False,
    project: Project = None,
) -> None:
    """Put open letters aside that need nothing more. They stay in the archive.

    Examples: headrace dead-letters discard 3f2a9c --why "a test"  |  headrace dead-letters discard --reason too_late
    --until 30d --why "nobody needs them"
    """
    from headrace.cli.commands.dead_letters import discard_letters

    discard_letters(read_settings(project), wanted, why, yes)


@dead_letters_app.command()
@choosing("discarded")
def reopen(wanted: Any, why: Why = "", yes: Yes = False, project: Project = None) -> None:
    """Open letters again that were discarded or replayed.

    Examples: headrace dead-letters reopen 3f2a9c  |  headrace dead-letters reopen --reason too_late --yes
    """
    from headrace.cli.commands.dead_letters import reopen_letters

    reopen_letters(read_settings(project), wanted, why, yes)


@dead_letters_app.command()
@choosing()
def export(
    wanted: Any,
    file: Annotated[Path, typer.Option(help="A file that is not there yet, or - for stdout.")],
    why: Annotated[str, typer.Option(help="The reason, for the trail: personal data goes out.")],
    project: Project = None,
) -> None:
    """Write letters to a file, whole. One JSON object a line; recorded.

    Examples: headrace dead-letters export --reason too_late --file late.ndjson --why "for the analysts"
    """
    from headrace.cli.commands.dead_letters_move import export_letters

    export_letters(read_settings(project), file, wanted, why)


@dead_letters_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What export wrote, or - for stdin.")],
    why: Why = "",
    project: Project = None,
) -> None:
    """Bring letters in from a file that export wrote. Those that are there already stay as they are.

    Examples: headrace dead-letters import late.ndjson  |  headrace dead-letters import - < late.ndjson
    """
    from headrace.cli.commands.dead_letters_move import import_letters

    import_letters(read_settings(project), file, why)


@dead_letters_app.command()
def history(
    letter: Annotated[str | None, typer.Argument(help="Id of a letter; default: what everybody did.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Entries of the trail.")] = 50,
    project: Project = None,
    format_: Format = "table",
    json_output: Json = False,
) -> None:
    """Tell what was done, by whom and why. With one letter, or in all.

    Examples: headrace dead-letters history 3f2a9c  |  headrace dead-letters history --format ndjson
    """
    from headrace.cli.commands.dead_letters_history import show_history

    show_history(read_settings(project), letter, limit, "json" if json_output else format_)


@dead_letters_app.command()
def collect(
    project: Project = None,
    log_format: Annotated[str | None, typer.Option(help="text, json, or auto: text on a terminal.")] = None,
) -> None:
    """Move letters from their topic into the archive. A service of its own, until SIGTERM or Ctrl-C.

    Examples: headrace dead-letters collect  |  HEADRACE_ARCHIVE_KEY_FILE=archive.key headrace dead-letters collect
    """
    from headrace.cli.commands.collect import collect_until_stopped

    collect_until_stopped(read_settings(project, log_format=log_format))
