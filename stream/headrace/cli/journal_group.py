"""``headrace journal``: options and help; imports nothing heavy."""

from __future__ import annotations

from headrace.cli.command_group import command_group
from headrace.cli.options import Format, Journal, examples, with_json

journal_app = command_group("Inspect the journal of the embedded engine.")


@journal_app.callback()
def journal() -> None:
    """Inspect the journal of the embedded engine."""


@journal_app.command(
    epilog=examples("headrace journal inspect", "headrace journal inspect --journal /var/lib/headrace --json")
)
@with_json
def inspect(journal: Journal = None, format_: Format = "table") -> None:
    """Show streams, open rows, ids and counts of a journal.

    Works beside a running engine.
    """
    from headrace.cli.commands.journal import inspect_journal

    inspect_journal(journal, format_)
