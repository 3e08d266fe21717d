"""Lines of text for a terminal: headings, labels and differences, no wider than the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from headrace.util.terminal_columns import room, wrapped
from headrace.util.terminal_safe import safe

_INDENT: Final = 2
_WIDEST_LABEL: Final = 26  # cells; a longer label has a line of its own


def section(heading: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield an empty line, a heading and its lines; nothing without lines."""
    shown = [*lines]
    if shown:
        yield ""
        yield from paragraph(heading)
        yield from shown


def paragraph(text: str, indent: int = 0, first: str = "") -> Iterator[str]:
    """Yield *text* wrapped and indented, after *first* in the first line; each of its lines begins anew."""
    begin = " " * indent + first
    for line in text.split("\n"):
        for part in wrapped(safe(line), room() - len(begin)):
            yield f"{begin}{part}".rstrip()
            begin = " " * len(begin)


def labelled(values: Mapping[str, str]) -> Iterator[str]:
    """Yield each value after its label, in one column."""
    column = min(_WIDEST_LABEL, max((len(safe(each)) for each in values), default=0) + 2)
    for label, text in values.items():
        name = safe(label)
        if len(name) < column:
            yield from paragraph(text, _INDENT, f"{name:<{column}}")
        else:
            yield from paragraph(label, _INDENT)
            yield from paragraph(text, 2 * _INDENT)


def change(place: str, before: str, after: str) -> Iterator[str]:
    """Yield a place, and below it the old text after a minus and the new one after a plus."""
    yield from paragraph(place, _INDENT)
    if before:
        yield from paragraph(before, 2 * _INDENT, "- ")
    if after:
        yield from paragraph(after, 2 * _INDENT, "+ ")
