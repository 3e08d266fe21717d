"""What a person sees: tables for a terminal, JSON for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from stream.columns import width, wrapped
from stream.letters.terminal import safe

SCHEMA_VERSION: Final = 1
FORMATS: Final = ("table", "json", "ndjson")
_NARROW: Final = 20


class FormatError(ValueError):
    """No such format."""


def show(name: str, rows: Sequence[Mapping[str, Any]], format_: str, **summary: Any) -> None:
    """Print *rows* to stdout: a table, one JSON object with a summary, or a JSON object a line."""
    check_format(format_)
    if format_ == "json":
        print_json({"schema_version": SCHEMA_VERSION, **summary, name: list(rows)})
    elif format_ == "ndjson":
        for row in rows:
            print_json(row)
    else:
        _print_table(rows)


def check_format(format_: str) -> None:
    """Refuse a format before any work is done.

    Raises:
        FormatError: there is no such format.
    """
    if format_ not in FORMATS:
        raise FormatError(f"--format: not one of {', '.join(FORMATS)}")


def print_json(value: Any) -> None:
    """Print one JSON object on one line, in ASCII: some characters beyond it would be obeyed by a terminal."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Tell the person something; stderr, so that stdout stays data. A terminal gets it broken between words."""
    if sys.stderr.isatty():
        text = "\n".join(line for part in text.split("\n") for line in wrapped(part, width()))
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        say("nothing to show")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in rows[0]:
        numeric = all(isinstance(row[column], int | float) for row in rows)
        words = [word for row in rows for word in _cell(row[column]).split()]
        least = min(_NARROW, max(map(len, words), default=0))  # a heading gives way before a word of a value does
        name, justify = column.replace("_", " "), "right" if numeric else "left"
        table.add_column(name, justify=justify, overflow="fold", min_width=least)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    Console().print(table)


def _cell(value: Any) -> str:
    """A value as one cell; control characters are shown, not obeyed."""
    if isinstance(value, float):
        return f"{value:,.2f}"
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return safe(text)
