"""``headrace outbox``: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.command_group import command_group
from headrace.cli.options import Format, Project, examples, with_json

outbox_app = command_group("Operate the outboxes of producers.")

Refused = Annotated[bool, typer.Option("--refused", help="Also try the refused messages again.")]
Follow = Annotated[bool, typer.Option("--follow", help="Go on until SIGTERM or Ctrl-C.")]
Timeout = Annotated[float, typer.Option(min=0.0, metavar="SECONDS", help="Give up after so long without an arrival.")]
OutboxFile = Annotated[Path, typer.Argument(help="The outbox of a producer.")]


@outbox_app.callback()
def outbox() -> None:
    """Operate the outboxes of producers."""


@outbox_app.command(
    epilog=examples("headrace outbox send orders.outbox", "headrace outbox send orders.outbox --follow")
)
def send(
    file: OutboxFile,
    project: Project = None,
    refused: Refused = False,
    follow: Follow = False,
    timeout: Timeout = 60.0,
    key_file: Annotated[Path | None, typer.Option(help="File with the key of an encrypted outbox.")] = None,
) -> None:
    """Send what an outbox holds, such as after a crash.

    Ends with exit code 5 if messages are left, and 1 if Pub/Sub refuses some.
    """
    from headrace.cli.commands.outbox import send as run_send

    run_send(file, project, refused=refused, follow=follow, timeout=timeout, key_file=key_file)


@outbox_app.command(
    epilog=examples("headrace outbox status orders.outbox", "headrace outbox status orders.outbox --json")
)
@with_json
def status(file: OutboxFile, format_: Format = "table") -> None:
    """Show what an outbox holds, by subject."""
    from headrace.cli.commands.outbox import show_status

    show_status(file, format_)


@outbox_app.command(epilog=examples("headrace outbox relay --follow", "headrace outbox relay --table shop_outbox"))
def relay(
    database_url: Annotated[
        str | None, typer.Option(metavar="URL", help="URL for SQLAlchemy [HEADRACE_OUTBOX_DATABASE_URL].")
    ] = None,
    table: Annotated[str, typer.Option(help="Table of the outbox.")] = "headrace_outbox",
    project: Project = None,
    refused: Refused = False,
    follow: Follow = False,
    timeout: Timeout = 60.0,
) -> None:
    """Send what a transactional outbox holds.

    Other accounts of the machine can read a URL on the command line. Put one with a password into the variable. Ends
    with exit code 5 if messages are left, and 1 if Pub/Sub refuses some.
    """
    from headrace.cli.commands.outbox import relay as run_relay

    run_relay(database_url, project, table=table, refused=refused, follow=follow, timeout=timeout)
