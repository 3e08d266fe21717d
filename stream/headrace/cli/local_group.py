"""``headrace demo`` and ``up``: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.cli.options import Json, LocalPubsub, examples

DEMO_EXAMPLES: Final = examples("headrace demo", "headrace demo --events all --json")
UP_EXAMPLES: Final = examples("headrace up", "source .headrace/emulators.env  # in another terminal")


def demo(
    events: Annotated[str, typer.Option(help='Number of flights, or "all" for 336,776.')] = "20000",
    json_output: Json = False,
    keep: Annotated[bool, typer.Option(help="Keep everything running until Ctrl-C.")] = False,
    pubsub: LocalPubsub = None,
) -> None:
    """Run the whole service on real flights in a minute.

    Plants faults among them, and shows what became of them.
    """
    from headrace.dev.demo.run_demo import demo as run_demo
    from headrace.dev.pubsub_services import PubsubService

    if events != "all" and not (events.isascii() and events.isdigit() and len(events) < 10 and int(events) > 0):
        raise typer.BadParameter('invalid; use a number above 0, or "all"', param_hint="--events")
    service = PubsubService.chosen(pubsub or "")
    raise typer.Exit(run_demo(None if events == "all" else int(events), json_output, keep, service))


def up(pubsub: LocalPubsub = None) -> None:
    """Run a local Pub/Sub and the BigQuery emulator until Ctrl-C.

    Prints the variables to export. The local broker keeps topics and messages in .headrace.
    """
    from headrace.cli.commands.up import up_until_interrupted
    from headrace.dev.pubsub_services import PubsubService

    up_until_interrupted(Path(".headrace"), PubsubService.chosen(pubsub or ""))
