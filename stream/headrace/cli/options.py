"""Options that several commands have, and the settings they add up to; imports nothing heavy."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.errors import Exit, HeadraceError

Project = Annotated[str | None, typer.Option(help="Google Cloud project [HEADRACE_PROJECT].")]
Dataset = Annotated[str | None, typer.Option(help="BigQuery dataset [HEADRACE_DATASET].")]
Contracts = Annotated[Path | None, typer.Option(help="Folder of .avsc files [HEADRACE_CONTRACTS].")]
Journal = Annotated[Path | None, typer.Option(help="Folder of the journal [HEADRACE_JOURNAL].")]
Profile = Annotated[str | None, typer.Option(help="Which profile of headrace.toml [HEADRACE_PROFILE].")]
Rename = Annotated[
    list[str] | None, typer.Option(help="A label that changed, old=new, or went, old= ; may be given again.")
]
Format = Annotated[str, typer.Option("--format", help="table, json or ndjson.")]
Json = Annotated[bool, typer.Option("--json", help="Short for --format json.")]


class ArgumentError(HeadraceError, ValueError, error_code="HR-301", exit_code=Exit.USAGE):
    """An argument of the command line is not valid text."""


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuse what is not text in the system's encoding, unless it names a file; raises ArgumentError."""
    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            if not os.path.lexists(argument):
                raise ArgumentError(f"argument {number}: not UTF-8, and no file has that name") from None


def finite(value: float | None) -> float | None:
    """Refuse what a bound lets through, because no comparison with it is true."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("a finite number")
    return value


def check_runner(runner: str | None) -> None:
    """Refuse a runner that is not known; None is the engine in this process."""
    if runner not in (None, "DataflowRunner"):
        raise typer.BadParameter("DataflowRunner, or leave it out", param_hint="--runner")


def read_settings(project: str | None, dataset: str | None = None, contracts: Path | None = None, **more: Any) -> Any:
    """The settings, flags first; says which emulators are used."""
    from headrace.config.settings import load_settings
    from headrace.runtime.google_clients import describe_emulators
    from headrace.util.output import say

    line = describe_emulators()
    if line:
        say(line)
    return load_settings(project=project, dataset=dataset, contracts=contracts, **more)
