"""One line of a file, as readers return it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

NUMBER_OUT_OF_RANGE: Final = "a date or time outside the years 1 to 9999, or outside a day"
NO_UTF8: Final = "text that is not UTF-8"
NOT_UTF8: Final = re.compile("[\udc80-\udcff]")  # texts of a CSV hold bytes that are not UTF-8 as these characters


@dataclass(frozen=True, slots=True)
class Line:
    """One line. *number* counts from 1, as an editor does; for Avro and Parquet it counts rows.

    *raw* returns the original line. *problem* explains why there are no *values*. *unreadable* lists columns whose
    value cannot be read, with the reason. Neither text contains a value.
    """

    number: int
    raw: Callable[[], bytes] = field(repr=False)
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    problem: str = ""
    unreadable: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Placeholder for a value that its type does not have; *raw* is the file's value."""

    why: str
    raw: Any = field(default=None, repr=False)


Lines: TypeAlias = Iterator[Line]


class Content(NamedTuple):
    """Content of a file: its lines, and its *columns*, or None if each line has its own."""

    columns: tuple[str, ...] | None
    lines: Lines


def line_of_row(number: int, values: Mapping[str, Any], checked: bool) -> Line:
    """Return the line for a row of Avro or Parquet; a row that is not *checked* may hold unreadable values."""
    raw = as_json(values)
    if checked:
        return Line(number, raw, values)
    unreadable = tuple((name, why) for name, value in values.items() if (why := _why(value)))
    return Line(number, raw, values, unreadable=unreadable)


def as_json(values: Any) -> Callable[[], bytes]:
    """Return a function that writes *values* as JSON, for a dead letter."""
    return lambda: json.dumps(values, default=_plain, ensure_ascii=False).encode(errors="surrogatepass")


def why_unreadable(error: Exception) -> str:
    """Return why a library could not read a value, in words."""
    if isinstance(error, UnicodeDecodeError):
        return NO_UTF8
    if "would lose data" in str(error):
        return "a time finer than a microsecond"
    if isinstance(error, OverflowError | ValueError):
        return NUMBER_OUT_OF_RANGE
    return f"a value that cannot be read ({type(error).__name__})"


def _why(value: Any) -> str:
    match value:
        case Unreadable():
            return value.why
        case dict():
            return next(filter(None, map(_why, value.values())), "")
        case list() | tuple():
            return next(filter(None, map(_why, value)), "")
        case _:
            return ""


def _plain(value: Any) -> str:
    raw = value.raw if isinstance(value, Unreadable) else value
    return raw.decode(errors="backslashreplace") if isinstance(raw, bytes) else str(raw)
