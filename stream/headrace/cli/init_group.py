"""``headrace init``: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.cli.options import examples

INIT_EXAMPLES: Final = examples(
    "headrace init my-events",
    "headrace init --subject order_placed --field order_id:string --field email:string:masked",
)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the project; default: the working folder.")] = Path(),
    subject: Annotated[str | None, typer.Option(help="Name of the event, such as order_placed.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="A field, name:type or name:type:masked; repeatable.")] = None,
    doc: Annotated[str, typer.Option(help="A sentence about the event.")] = "",
    owner: Annotated[str, typer.Option(help="The team that the event belongs to.")] = "",
    table: Annotated[str | None, typer.Option(help="BigQuery table; default: as the event.")] = None,
    event_time: Annotated[str | None, typer.Option(help="Field that says when the event happened.")] = None,
    identity: Annotated[list[str] | None, typer.Option(help="Field that identifies an event; repeatable.")] = None,
    project: Annotated[str | None, typer.Option(help="Google Cloud project; default: my-project.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take defaults.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a project: a contract, a producer, tests, settings.

    Everything in it runs at once. On a terminal, asks for the event, its fields and the project, unless options give
    them. Overwrites no file.
    """
    from headrace.cli.commands.init import ContractOptions, init_project
    from headrace.dev.new_project.answers import Answers

    options = ContractOptions(doc, owner, table, event_time, identity or None)
    init_project(folder, Answers(subject, tuple(field or ()), project), options, yes, json_output)
