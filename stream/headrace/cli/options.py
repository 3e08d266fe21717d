"""Options that several commands share, and the settings made from them; imports nothing heavy."""

from __future__ import annotations

import functools
import inspect
import math
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from headrace.cli import completion
from headrace.errors import Exit, HeadraceError

HELP_COLUMNS: Final = 80  # click writes no wider help
_WORD: Final = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")

Project = Annotated[str | None, typer.Option(help="Google Cloud project [HEADRACE_PROJECT].")]
Dataset = Annotated[str | None, typer.Option(help="BigQuery dataset [HEADRACE_DATASET].")]
Contracts = Annotated[Path | None, typer.Option(help="Folder of .avsc files [HEADRACE_CONTRACTS].")]
Journal = Annotated[Path | None, typer.Option(help="Folder of the journal [HEADRACE_JOURNAL].")]
Profile = Annotated[str | None, typer.Option(help="Profile of headrace.toml [HEADRACE_PROFILE].")]
MaskingKeyFile = Annotated[
    Path | None, typer.Option(help="File with the key of the tokens [HEADRACE_MASKING_KEY_FILE].")
]
LogFormat = Annotated[str | None, typer.Option(help="text, json, or auto: text on a terminal [HEADRACE_LOG_FORMAT].")]
Rename = Annotated[
    list[str] | None, typer.Option(help="Label of a step that changed, old=new, or is gone, old=; repeatable.")
]
Format = Annotated[str, typer.Option("--format", help="table, json or ndjson.", autocompletion=completion.formats)]
LocalPubsub = Annotated[
    str | None, typer.Option("--pubsub", help="broker, or google-emulator with Java [HEADRACE_PUBSUB_SERVICE].")
]
Json = Annotated[bool, typer.Option("--json", help="Same as --format json.")]


def with_json(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--json`` to a command with ``--format``; the command receives the chosen format as ``format_``."""

    @functools.wraps(command)
    def wrapper(*, json_output: bool, format_: str, **given: Any) -> None:
        command(format_="json" if json_output else format_, **given)

    own = inspect.signature(command, eval_str=True).parameters.values()
    shorthand = inspect.Parameter(
        "json_output", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False, annotation=Json
    )
    return with_parameters(wrapper, [*own, shorthand])


def with_parameters(command: Callable[..., None], parameters: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """Give *command* these parameters, from which its options are made."""
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


class ArgumentError(HeadraceError, ValueError, error_code="HR-301", exit_code=Exit.USAGE):
    """An argument of the command line is not valid text."""


def examples(*commands: str) -> str:
    """Return the end of a help text, with one example after the other.

    An example that is wider than the terminal goes on in the next line, as a shell reads it. Click wraps none of them.
    """
    room = min(shutil.get_terminal_size().columns, HELP_COLUMNS) - len("    ")
    return "\n".join(["\b", "Examples:", *(f"  {line}" for each in commands for line in _lines(each, room))])


def _lines(command: str, room: int) -> list[str]:
    """Return *command* in lines of at most *room* characters, if its words allow that.

    >>> _lines('headrace publish flight_departed "flights of today.ndjson"', 40)
    ['headrace publish flight_departed \\\\', '    "flights of today.ndjson"']
    """
    if len(command) <= room:
        return [command]
    first, *words = _WORD.findall(command)
    lines = [first]
    for word in words:
        if len(f"{lines[-1]} {word} \\") > room:
            lines[-1] += " \\"
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {word}"
    return lines


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuse an argument that is not UTF-8, unless a file has that name. Raises ArgumentError."""
    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            if not os.path.lexists(argument):
                raise ArgumentError(f"argument {number}: not UTF-8, and no file has that name; retype it") from None


def finite(value: float | None) -> float | None:
    """Refuse NaN and infinity, which typer's check of bounds accepts."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("not a finite number")
    return value


def check_runner(runner: str | None) -> None:
    """Refuse an unknown runner; None is the embedded engine."""
    if runner not in (None, "DataflowRunner"):
        raise typer.BadParameter("unknown; use DataflowRunner, or leave it out", param_hint="--runner")


def read_settings(project: str | None, dataset: str | None = None, contracts: Path | None = None, **more: Any) -> Any:
    """Read the settings, overridden by the flags; print the emulators in use."""
    from headrace.config.settings import load_settings
    from headrace.runtime.google_clients import describe_emulators
    from headrace.util.output import say

    line = describe_emulators()
    if line:
        say(line)
    return load_settings(project=project, dataset=dataset, contracts=contracts, **more)
