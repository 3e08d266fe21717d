"""Print rows as a table on stdout: no wider than a terminal, and without losing a value."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from rich.cells import cell_len

from headrace.util.terminal_columns import ENDLESS, padded, print_rows, room, wrapped
from headrace.util.terminal_safe import safe

_NARROW: Final = 20  # cells that a word of a value keeps
_HEADING: Final = 5  # cells that a heading keeps, however narrow the terminal is
_GAP: Final = 2


def print_table(rows: Sequence[Mapping[str, Any]], *, verbatim: bool = False) -> None:
    """Print *rows*, which have the same columns. A terminal too narrow for the columns gets a line for each value.

    The names of columns become headings in words, or with *verbatim* stay as they are, in one piece.
    """
    headings = {column: column if verbatim else column.replace("_", " ") for column in rows[0]}
    cells = {column: [_cell(row[column]) for row in rows] for column in headings}
    widths = _widths(headings, cells, room(), ENDLESS if verbatim else _HEADING)
    if widths is None:
        print_rows([{headings[column]: _cell(value) for column, value in row.items()} for row in rows])
        return
    numeric = {column for column in cells if all(isinstance(row[column], int | float) for row in rows)}
    _print_line(headings, widths, numeric, bold=sys.stdout.isatty() and os.environ.get("TERM") != "dumb")
    for place in range(len(rows)):
        _print_line({column: values[place] for column, values in cells.items()}, widths, numeric)
    sys.stdout.flush()  # before a message about the table


def _print_line(cells: Mapping[str, str], widths: Mapping[str, int], numeric: set[str], bold: bool = False) -> None:
    """Print one row, in as many lines as its longest cell needs."""
    columns = [list(wrapped(text, widths[name])) for name, text in cells.items()]
    for parts in zip_longest(*columns, fillvalue=""):
        cells_of_line = [padded(part, widths[name], name in numeric) for name, part in zip(cells, parts, strict=True)]
        line = (" " * _GAP).join(cells_of_line).rstrip()
        sys.stdout.write(f"\x1b[1m{line}\x1b[0m\n" if bold else f"{line}\n")


def _widths(
    headings: Mapping[str, str], cells: Mapping[str, Sequence[str]], room: int, of_heading: int
) -> dict[str, int] | None:
    """Return the width of each column, so that all fit into *room*; None if that is impossible.

    Words of values have priority, up to a length; then come words of headings, whole values, and whole headings. Each
    heading keeps *of_heading* cells.
    """
    gaps = _GAP * (len(cells) - 1)
    widths = {
        name: max(_longest(_words(cells[name]), _NARROW), min(of_heading, cell_len(headings[name]))) for name in cells
    }
    if sum(widths.values()) + gaps > room:
        return None
    for wanted, partly in (
        ({name: _longest(headings[name].split()) for name in cells}, False),
        ({name: _longest(cells[name]) for name in cells}, True),
        ({name: cell_len(headings[name]) for name in cells}, False),
    ):
        for name, size in wanted.items():
            fitting = widths[name] + room - gaps - sum(widths.values())
            if partly or size <= fitting:
                widths[name] = max(widths[name], min(size, fitting))
    return widths


def _words(values: Sequence[str]) -> list[str]:
    return [word for value in values for word in value.split()]


def _longest(words: Sequence[str], at_most: int = ENDLESS) -> int:
    return min(at_most, max(map(cell_len, words), default=0))


def _cell(value: Any) -> str:
    """Return a value as one cell; control characters are printed as escapes."""
    if isinstance(value, float):
        return f"{value:,.2f}"
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return safe(text)
