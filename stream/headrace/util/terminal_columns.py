"""Text that fits a terminal: columns that are cut, and sentences that are wrapped, by the cells that they take."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size

from headrace.util.terminal_safe import safe

NARROWEST: Final = 60
WIDEST: Final = 160
ENDLESS: Final = 100_000  # columns
_GAP: Final = "  "
_CUT: Final = "…"


def width() -> int:
    """Return the number of columns to use: the terminal's within limits, or 80."""
    return min(WIDEST, max(NARROWEST, shutil.get_terminal_size((80, 24)).columns))


def limited() -> bool:
    """Return whether stdout has a width: on a terminal, or if ``COLUMNS`` is set; a pipe has none."""
    return sys.stdout.isatty() or bool(os.environ.get("COLUMNS"))


def room() -> int:
    """Return the number of columns that stdout has: more than any line needs in a pipe, whose reader has no limit."""
    return width() if limited() else ENDLESS


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "group"), counted(1200, "group")
    ('1 group', '1,200 groups')
    """
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def print_columns(
    names: Sequence[str], rows: Sequence[Sequence[str]], shrinking: Sequence[str], right: str = ""
) -> None:
    """Print a table to stdout, on a terminal no wider than the terminal.

    If it is too wide, columns named in *shrinking* are cut, the last one first. If it is too wide even then, each row
    gets a line for each value. The column *right* is aligned to the right. Texts may come from anywhere: control
    characters are printed as escapes.
    """
    cells = [list(names), *([safe(text) for text in row] for row in rows)]
    widths = [max(cell_len(row[place]) for row in cells) for place in range(len(names))]
    over = sum(widths) + len(_GAP) * (len(names) - 1) - width() if limited() else 0
    for name in reversed(shrinking):
        place = names.index(name)
        given = max(0, min(over, widths[place] - max(8, cell_len(name))))
        widths[place] -= given
        over -= given
    if over > 0:
        titles = [name.replace("_", " ") for name in names]
        print_rows([dict(zip(titles, row, strict=True)) for row in rows])
        return
    for row in cells:
        fitted = [
            padded(cut(text, size), size, name == right) for name, text, size in zip(names, row, widths, strict=True)
        ]
        sys.stdout.write(_GAP.join(fitted).rstrip() + "\n")


def cut(text: str, cells: int) -> str:
    """Return *text*, cut to at most *cells* cells.

    >>> cut("undecodable", 6)
    'undec…'
    """
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + _CUT


def padded(text: str, cells: int, right: bool = False) -> str:
    """Fill *text* up to *cells* cells; *right* aligns it to the right."""
    space = " " * (cells - cell_len(text))
    return space + text if right else text + space


def wrapped(text: str, cells: int) -> Iterator[str]:
    r"""Break *text* into lines of at most *cells* cells, between words where possible.

    >>> list(wrapped("a few words", 5))
    ['a few', 'words']
    """
    line = ""
    for word in text.split(" "):
        if line and cell_len(line) + 1 + cell_len(word) > cells:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
        while cell_len(line) > cells:
            head = _head(line, cells)
            yield head
            line = line[len(head) :]
    yield line


def _head(text: str, cells: int) -> str:
    taken = 0
    for place, letter in enumerate(text):
        taken += cell_len(letter)
        if taken > cells:
            return text[: max(1, place)]
    return text


def print_rows(rows: Sequence[Mapping[str, str]]) -> None:
    """Print row after row, with one line for each value, because the terminal is too narrow for all columns."""
    for place, row in enumerate(rows):
        if place:
            sys.stdout.write("\n")
        column = max(len(name) for name in row) + 2
        for name, value in row.items():
            print_labelled(name, value, column)


def print_labelled(label: str, text: str, column: int = 13) -> None:
    """Print *text* after its label, wrapped and indented; safe for a terminal."""
    lines = list(wrapped(safe(text), width() - column))
    for place, line in enumerate(lines):
        sys.stdout.write(f"{label if place == 0 else '':<{column}}{line}".rstrip() + "\n")
