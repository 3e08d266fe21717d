"""``headrace contracts catalog`` and ``codegen``, which write files: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli import completion
from headrace.cli.options import Format, Profile, examples, with_json

Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if a file is out of date.")]

CATALOG_EXAMPLES = examples(
    "headrace contracts catalog --output site",
    'headrace contracts catalog contracts --output site --title "Events of the shop"',
    "headrace contracts catalog contracts --output site --check",
)
CODEGEN_EXAMPLES = examples(
    "headrace contracts codegen contracts --output src/events",
    "headrace contracts codegen contracts order_placed --output order_placed.py",
    "headrace contracts codegen contracts --output src/events --check",
)


@with_json
def catalog(
    output: Annotated[Path, typer.Option("--output", help="Folder of the pages.")],
    folder: Annotated[Path | None, typer.Argument(help="Folder; default: the setting `contracts`.")] = None,
    title: Annotated[str, typer.Option(help="Title of the pages and of the document.")] = "Contracts",
    check: Check = False,
    profile: Profile = None,
    format_: Format = "table",
) -> None:
    """Write pages about contracts, and an AsyncAPI document.

    The pages need no server. The same contracts give the same files. Needs no credentials and no network.
    """
    from headrace.cli.commands.contracts_catalog import write_catalog

    raise typer.Exit(write_catalog(folder, output, title, check, profile, format_))


@with_json
def codegen(
    output: Annotated[Path, typer.Option("--output", metavar="FILE|DIR", help="Module of one subject, or a folder.")],
    folder: Annotated[Path | None, typer.Argument(help="Folder; default: the setting `contracts`.")] = None,
    subjects: Annotated[
        list[str] | None,
        typer.Argument(metavar="SUBJECT", help="Subjects; default: all.", autocompletion=completion.subjects),
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(min=1, help="Version; default: the newest.", autocompletion=completion.contract_versions),
    ] = None,
    check: Check = False,
    profile: Profile = None,
    format_: Format = "table",
) -> None:
    """Write Python classes of events.

    Writes a dataclass for each record, which the SDK publishes, in a module for each subject. Needs no credentials and
    no network.
    """
    from headrace.cli.commands.contracts_codegen import write_classes

    raise typer.Exit(write_classes(folder, subjects or [], output, version, check, profile, format_))
