"""``headrace provision`` and ``publish``: options and help; imports nothing heavy."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from headrace.cli import completion
from headrace.cli.options import Contracts, Dataset, Project, examples, read_settings, with_json

PROVISION_EXAMPLES: Final = examples(
    "headrace provision --dry-run",
    "headrace provision --dry-run --format json > plan.json",
    "headrace provision --plan plan.json",
)
PUBLISH_EXAMPLES: Final = examples(
    "headrace publish flight_departed flights.ndjson",
    "headrace publish flight_departed < flights.ndjson",
    "headrace publish flight_departed flights.ndjson --json-convention jackson",
)


@with_json
def provision(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    dry_run: Annotated[bool, typer.Option(help="Print the plan, and change nothing.")] = False,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Change something only if the plan is the one in this JSON file."),
    ] = None,
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="Format of the plan.")] = "text",
) -> None:
    """Create or update topics, subscriptions, datasets and tables.

    Prints the plan first. It deletes nothing, and refuses a change that would delete rows. A second run changes
    nothing.
    """
    from headrace.cli.commands.provision import provision as run_provision

    run_provision(read_settings(project, dataset, contracts), dry_run, format_, plan)


def publish(
    subject: Annotated[str, typer.Argument(help="Subject of the events.", autocompletion=completion.subjects)],
    file: Annotated[Path | None, typer.Argument(help="NDJSON file, one event a line; default: stdin.")] = None,
    project: Project = None,
    contracts: Contracts = None,
    source: Annotated[str, typer.Option(help="The events' ce-source.")] = "/headrace/publish",
    json_convention: Annotated[
        Literal["strict", "jackson", "go", "javascript", "debezium"] | None,
        typer.Option(help="Convention of the JSON's producer; default: as backfills read JSON."),
    ] = None,
) -> None:
    """Publish events from NDJSON.

    Sends nothing when one of them is invalid.
    """
    from headrace.cli.commands.publish import publish_lines
    from headrace.producers.event_messages import MAX_ATTRIBUTE_BYTES

    if not 1 <= len(source.encode()) <= MAX_ATTRIBUTE_BYTES:
        raise typer.BadParameter(f"invalid length; use 1 to {MAX_ATTRIBUTE_BYTES} bytes", param_hint="--source")
    settings = read_settings(project, None, contracts)
    with nullcontext(sys.stdin.buffer) if file is None else file.open("rb") as lines:
        publish_lines(settings, subject, lines, source, json_convention)
