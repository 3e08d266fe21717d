"""``headrace journal``: options and help; imports nothing heavy."""

from __future__ import annotations

import typer

from headrace.cli.options import Format, Journal, Json, examples

journal_app = typer.Typer(
    help="Inspect the journal of the embedded engine.", no_args_is_help=True, rich_markup_mode=None
)


@journal_app.callback()
def journal() -> None:
    """Inspect the journal of the embedded engine."""


@journal_app.command(
    epilog=examples("headrace journal inspect", "headrace journal inspect --journal /var/lib/headrace --json")
)
def inspect(journal: Journal = None, format_: Format = "table", json_output: Json = False) -> None:
    """Show streams, open rows, ids and counts of a journal.

    Works beside a running engine.
    """
    from headrace.cli.commands.journal import inspect_journal

    inspect_journal(journal, "json" if json_output else format_)
