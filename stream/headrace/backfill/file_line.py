"""One line of a file, as readers give it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

NUMBER_OUT_OF_RANGE: Final = "a date or time outside the years 1 to 9999, or outside a day"
NO_UTF8: Final = "text that is not UTF-8"
NOT_UTF8: Final = re.compile("[\udc80-\udcff]")  # how bytes that are not UTF-8 are decoded in texts of a CSV


@dataclass(frozen=True, slots=True)
class Line:
    """One line, *number* from 1 on as an editor counts (rows of Avro and Parquet: as they come).

    *raw* is the line as it came; *problem* says why there are no *values*, and *unreadable* which columns have a value
    that cannot be read, and why. Neither holds a value.
    """

    number: int
    raw: Callable[[], bytes] = field(repr=False)
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    problem: str = ""
    unreadable: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value that its own type does not have; *raw* is what the file holds."""

    why: str
    raw: Any = field(default=None, repr=False)


Lines: TypeAlias = Iterator[Line]


class Content(NamedTuple):
    """What is in a file: its *columns*, None where each line has its own, and its lines."""

    columns: tuple[str, ...] | None
    lines: Lines


def line_of_row(number: int, values: Mapping[str, Any], checked: bool) -> Line:
    """The line that a row of Avro or Parquet is; a row that is not *checked* may hold unreadable values."""
    raw = as_json(values)
    if checked:
        return Line(number, raw, values)
    unreadable = tuple((name, why) for name, value in values.items() if (why := _why(value)))
    return Line(number, raw, values, unreadable=unreadable)


def as_json(values: Any) -> Callable[[], bytes]:
    """Give a function that writes *values* as JSON, for a letter."""
    return lambda: json.dumps(values, default=_plain, ensure_ascii=False).encode(errors="surrogatepass")


def why_unreadable(error: Exception) -> str:
    """Say in words what a library could not make a value of."""
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
