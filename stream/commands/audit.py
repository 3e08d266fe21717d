"""``headrace audit``: print the counts, and exit 1 when they do not reconcile."""

from __future__ import annotations

from stream.audit import count_subjects
from stream.clients import open_bigquery
from stream.exits import Exit
from stream.names import Names
from stream.output import say, show
from stream.settings import Settings


def audit(settings: Settings, format_: str) -> Exit:
    """Count every subject, and say *reconciled* or what differs."""
    names = Names(settings.project, settings.dataset)
    counts = count_subjects(settings.registry(), names, open_bigquery(settings.project))
    reconciled = not any(count.differences for count in counts)
    rows = [count.as_dict() for count in counts]
    if format_ == "table":
        for row in rows:
            row["dead_lettered"] = sum(row["dead_lettered"].values())
            del row["differences"]
    show("subjects", rows, format_, reconciled=reconciled)
    for count in counts:
        for difference in count.differences:
            say(f"{count.subject}: {difference}")
    say("reconciled" if reconciled else "NOT reconciled")
    return Exit.DONE if reconciled else Exit.FOUND
