"""``headrace provision`` and ``publish``: options and help; imports nothing heavy."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from headrace.cli import completion
from headrace.cli.options import Contracts, Dataset, Project, examples, read_settings

PROVISION_EXAMPLES: Final = examples(
    "headrace provision --project my-project --dry-run", "headrace provision --project my-project"
)
PUBLISH_EXAMPLES: Final = examples(
    "headrace publish flight_departed flights.ndjson",
    "headrace publish flight_departed < flights.ndjson",
    "headrace publish flight_departed flights.ndjson --json-convention jackson",
)


def provision(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    dry_run: Annotated[bool, typer.Option(help="Print the plan, and change nothing.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print the changes as one JSON object too.")] = False,
) -> None:
    """Create or update topics, subscriptions, datasets and tables.

    A second run changes nothing.
    """
    from headrace.cli.commands.provision import provision as run_provision

    run_provision(read_settings(project, dataset, contracts), dry_run, json_output)


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
    from headrace.producers.event_producer import MAX_ATTRIBUTE_BYTES

    if not 1 <= len(source.encode()) <= MAX_ATTRIBUTE_BYTES:
        raise typer.BadParameter(f"invalid length; use 1 to {MAX_ATTRIBUTE_BYTES} bytes", param_hint="--source")
    settings = read_settings(project, None, contracts)
    with nullcontext(sys.stdin.buffer) if file is None else file.open("rb") as lines:
        publish_lines(settings, subject, lines, source, json_convention)
