"""Lines of CSV. After a broken record, reading continues with the record's second line."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.file_line import NOT_UTF8, Content, Line, Lines
from headrace.backfill.text_lines import MAX_LINE_BYTES, TOO_LONG, physical_lines

MAX_RECORD_LINES: Final = 10_000  # of one quoted value


def csv_content(file: BinaryIO, delimiter: str) -> Content:
    """Return the columns and lines of a CSV file.

    Raises:
        BackfillError: the first line does not name columns.
    """
    feed = _Feed(physical_lines(file))
    try:
        header = next(feed.rows(delimiter), None)
    except csv.Error as error:
        raise BackfillError(f"its first line is not a line of CSV ({_why(error, feed.taken)}); {_REMEDY}") from error
    if header is None:
        raise BackfillError(f"an empty file; {_REMEDY}")
    _check_names(header)
    return Content(tuple(header), _lines(feed, header, delimiter))


_REMEDY: Final = "a CSV begins with a line of column names in UTF-8, each once"


class _Feed:
    """Physical lines for csv.reader, which can be put back; *taken* are the lines of the current record."""

    def __init__(self, physical: Iterator[bytes]) -> None:
        self._physical = physical
        self._back: deque[bytes] = deque()
        self.taken: list[bytes] = []

    def rows(self, delimiter: str) -> Iterator[list[str]]:
        """Return a reader of the remaining lines; after an error, make a new one."""
        return csv.reader(self._texts(), delimiter=delimiter, strict=True)

    def give_back(self) -> bytes:
        """Put back all lines of the record but the first, and return the first."""
        first, *others = self.taken
        self._back.extendleft(reversed(others))
        return first

    def _texts(self) -> Iterator[str]:
        while True:
            line = self._back.popleft() if self._back else next(self._physical, None)
            if line is None:
                return
            self.taken.append(line)
            if len(line) > MAX_LINE_BYTES or len(self.taken) > MAX_RECORD_LINES:
                raise csv.Error(f"a value of more than {MAX_RECORD_LINES:,} lines")
            yield line.decode(errors="surrogateescape")


def _lines(feed: _Feed, header: Sequence[str], delimiter: str) -> Lines:
    number, rows = len(feed.taken), feed.rows(delimiter)
    while True:
        feed.taken.clear()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            problem = _why(error, feed.taken)
            number += 1
            yield Line(number, _joined([feed.give_back()]), problem=f"not a line of CSV ({problem})")
            rows = feed.rows(delimiter)
            continue
        first, number = number + 1, number + len(feed.taken)
        if not row:
            continue
        if len(row) == len(header):
            yield Line(first, _joined(feed.taken), dict(zip(header, row, strict=True)))
        else:
            problem = f"{len(row)} columns where there are {len(header)} names"
            yield Line(first, _joined(feed.taken), problem=problem)


def _why(error: csv.Error, taken: Sequence[bytes]) -> str:
    if len(taken[0]) > MAX_LINE_BYTES:
        return TOO_LONG
    if len(taken) > 1:
        return "a quotation mark that nothing closes, or one too many"
    return str(error)


def _check_names(header: Sequence[str]) -> None:
    for place, name in enumerate(header, 1):
        if name in header[: place - 1]:
            first = header.index(name) + 1
            raise BackfillError(f"its columns {first} and {place} have the same name; {_REMEDY}")
        if NOT_UTF8.search(name):
            raise BackfillError(f"its column {place} has a name that is not UTF-8; convert the file to UTF-8")


def _joined(consumed: list[bytes]) -> Callable[[], bytes]:
    pieces = list(consumed)
    return lambda: b"".join(pieces)[:MAX_LINE_BYTES]
