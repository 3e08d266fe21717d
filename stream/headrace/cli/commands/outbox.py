"""``headrace outbox``: send what an outbox of a producer holds, and show it."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from headrace.cli.options import read_settings
from headrace.errors import Exit
from headrace.producers import PubSubPublisher
from headrace.producers.outbox import operating
from headrace.producers.outbox.key_file import read_key_file
from headrace.runtime.reachability import Service, reach
from headrace.util.output import say, show


def send(
    file: Path, project: str | None, *, refused: bool, follow: bool, timeout: float, key_file: Path | None
) -> None:
    """Send what *file* holds to the topics of the project. Exits with 5 if messages are left, 1 if some are refused;
    after *follow* always with 0.

    Raises:
        OutboxError: the file cannot be used.
    """
    key = None if key_file is None else read_key_file(key_file)
    publisher = _publisher(project)
    with operating.following(follow) as until:
        sent = operating.send(file, publisher, key=key, refused=refused, timeout=timeout, until=until)
    say(str(sent))
    raise typer.Exit(Exit.DONE if follow else sent.exit_code)


def relay(
    database_url: str | None, project: str | None, *, table: str, refused: bool, follow: bool, timeout: float
) -> None:
    """Send what the table of a transactional outbox holds; exits as :func:`send` does.

    Raises:
        RelayError: the database cannot be used.
    """
    url = database_url or os.environ.get(operating.DATABASE_URL, "")
    publisher = _publisher(project)
    with operating.following(follow) as until:
        relayed = operating.relay(url, publisher, table=table, refused=refused, timeout=timeout, until=until)
    say(str(relayed))
    raise typer.Exit(Exit.DONE if follow else relayed.exit_code)


def _publisher(project: str | None) -> PubSubPublisher:
    settings = read_settings(project)
    reach(Service.PUBSUB)
    return PubSubPublisher(settings.project, topics=settings.topics, ordered=True)


def show_status(file: Path, format_: str) -> None:
    """Print a line for each subject. Raises OutboxError if the file cannot be used."""
    rows, summary = operating.status(file)
    show("subjects", rows, format_, **summary)
    if format_ == "table":
        say(f"waiting: {summary['waiting']:,}; refused: {summary['refused']:,}")
