"""Lines of NDJSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from headrace.backfill.file_line import Content, Line, Lines
from headrace.backfill.text_lines import MAX_LINE_BYTES, TOO_LONG, physical_lines
from headrace.schemas.strict_json import InvalidJsonError, read_json


def json_content(file: BinaryIO, delimiter: str) -> Content:
    """Return the lines of NDJSON, each with columns of its own."""
    return Content(None, _lines(file))


def _lines(file: BinaryIO) -> Lines:
    for number, line in enumerate(physical_lines(file), 1):
        if not line.strip():
            continue
        raw = _raw(line)
        if len(line) > MAX_LINE_BYTES:
            yield Line(number, raw, problem=TOO_LONG)
            continue
        try:
            value = read_json(line)
        except InvalidJsonError as error:
            yield Line(number, raw, problem=error.why)
        else:
            if isinstance(value, dict):
                yield Line(number, raw, value)
            else:
                yield Line(number, raw, problem="JSON, but no object")


def _raw(line: bytes) -> Callable[[], bytes]:
    return lambda: line[:MAX_LINE_BYTES]
