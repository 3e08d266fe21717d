"""``headrace journal inspect``: print the contents of the embedded engine's journal."""

from __future__ import annotations

from pathlib import Path

from headrace.config.settings import load_settings
from headrace.engine.journal import Journal
from headrace.engine.journal_errors import JournalError
from headrace.engine.journal_opening import FILE
from headrace.util.output import say, show


def open_existing(given: Path | None) -> Journal:
    """Open the journal in the folder *given*, or in that of the settings. The engine may be running.

    Raises:
        JournalError: the folder has no journal.
    """
    # Any project will do, because a journal is read without a call of a service.
    directory: Path = load_settings(project="not-asked", journal=given).journal
    if not (directory / FILE).exists():
        raise JournalError(f"{directory}: no journal; name its folder with --journal")
    return Journal.open(directory)


def inspect_journal(given: Path | None, format_: str) -> None:
    """Print a line for each table, and the other contents of the journal. Raises JournalError without a journal."""
    facts = open_existing(given).facts()
    tables = facts.pop("tables")
    show("tables", tables, format_, **facts)
    if format_ == "table":
        owner = f"epoch {facts['epoch']}, last owned by {facts['holder']}" if facts["epoch"] else "never owned"
        say(f"journal {facts['journal']}: {owner}; {facts['bytes']:,} bytes")
        say(f"{facts['ids_remembered']:,} ids remembered, {facts['tallies_waiting']:,} tallies to append")
