"""Output for people and programs: tables for a terminal, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len

from headrace.errors import Exit, HeadraceError
from headrace.util.terminal_columns import limited, print_labelled, width, wrapped
from headrace.util.terminal_safe import safe

SCHEMA_VERSION: Final = 1
FORMATS: Final = ("table", "json", "ndjson")
_NARROW: Final = 20  # cells that a word of a value keeps
_HEADING: Final = 5  # cells that a heading keeps, however narrow the terminal is
_GAP: Final = 2
_ENDLESS: Final = 100_000  # columns of a pipe, whose reader has no limit


class FormatError(HeadraceError, ValueError, error_code="HR-302", exit_code=Exit.USAGE):
    """The output format is unknown."""


def show(name: str, rows: Sequence[Mapping[str, Any]], format_: str, **summary: Any) -> None:
    """Print *rows* to stdout: a table, one JSON object with a summary, or one JSON object a line."""
    check_format(format_)
    if format_ == "json":
        print_json({"schema_version": SCHEMA_VERSION, **summary, name: list(rows)})
    elif format_ == "ndjson":
        for row in rows:
            print_json(row)
    else:
        _print_table(rows)


def check_format(format_: str) -> None:
    """Refuse an unknown format before any work is done.

    Raises:
        FormatError: the format is unknown.
    """
    if format_ not in FORMATS:
        raise FormatError(f"--format: not one of {', '.join(FORMATS)}")


def print_json(value: Any) -> None:
    """Print one JSON object on one line, in ASCII: a terminal would act on some other characters."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a message to stderr, so that stdout contains only data. On a terminal it is wrapped between words.

    It may contain names of files and columns and answers of servers, so control characters are printed as escapes.
    """
    text = "\n".join(map(safe, text.split("\n")))
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
    cells = {column: [_cell(row[column]) for row in rows] for column in rows[0]}
    widths = _widths(cells, width() if limited() else _ENDLESS)
    if widths is None:
        _print_rows(rows)
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for column, size in widths.items():
        numeric = all(isinstance(row[column], int | float) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numeric else "left", overflow="fold", width=size)
    for place in range(len(rows)):
        table.add_row(*(Text(column[place]) for column in cells.values()))
    Console(width=sum(widths.values()) + _GAP * len(widths)).print(table)


def _widths(cells: Mapping[str, Sequence[str]], room: int) -> dict[str, int] | None:
    """Return the width of each column, so that all fit into *room*; None if that is impossible.

    Words of values have priority, up to a length; then come words of headings, whole values, and whole headings.
    """
    gaps = _GAP * (len(cells) - 1)
    widths = {name: max(_longest(_words(cells[name]), _NARROW), min(_HEADING, len(name))) for name in cells}
    if sum(widths.values()) + gaps > room:
        return None
    for wanted, partly in (
        ({name: _longest(name.split("_")) for name in cells}, False),
        ({name: _longest(cells[name]) for name in cells}, True),
        ({name: len(name) for name in cells}, False),
    ):
        for name, size in wanted.items():
            fitting = widths[name] + room - gaps - sum(widths.values())
            if partly or size <= fitting:
                widths[name] = max(widths[name], min(size, fitting))
    return widths


def _words(values: Sequence[str]) -> list[str]:
    return [word for value in values for word in value.split()]


def _longest(words: Sequence[str], at_most: int = _ENDLESS) -> int:
    return min(at_most, max(map(cell_len, words), default=0))


def _print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print row after row, with one line for each value, because the terminal is too narrow for all columns."""
    for place, row in enumerate(rows):
        if place:
            sys.stdout.write("\n")
        column = max(len(name) for name in row) + 2
        for name, value in row.items():
            print_labelled(name.replace("_", " "), _cell(value), column)


def _cell(value: Any) -> str:
    """Return a value as one cell; control characters are printed as escapes."""
    if isinstance(value, float):
        return f"{value:,.2f}"
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return safe(text)
