"""Output for people and programs: tables for a terminal, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from headrace.errors import Exit, HeadraceError
from headrace.util.printed_table import print_table
from headrace.util.terminal_columns import width, wrapped
from headrace.util.terminal_safe import safe

SCHEMA_VERSION: Final = 1
FORMATS: Final = ("table", "json", "ndjson")


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
    elif rows:
        print_table(rows)
    else:
        say("nothing to show")


def check_format(format_: str, *more: str) -> None:
    """Refuse an unknown format before any work is done; *more* are those of one command alone.

    Raises:
        FormatError: the format is unknown.
    """
    formats = (*FORMATS, *more)
    if format_ not in formats:
        raise FormatError(f"--format: not one of {', '.join(formats)}")


def print_json(value: Any) -> None:
    """Print one JSON object on one line."""
    sys.stdout.write(json_text(value) + "\n")
    sys.stdout.flush()


def json_text(value: Any) -> str:
    """Return JSON on one line, in ASCII: a terminal would act on some other characters."""
    return json.dumps(value, default=str)


def say(text: str) -> None:
    """Print a message to stderr, so that stdout contains only data. On a terminal it is wrapped between words.

    It may contain names of files and columns and answers of servers, so control characters are printed as escapes.
    """
    text = "\n".join(map(safe, text.split("\n")))
    if sys.stderr.isatty():
        text = "\n".join(line for part in text.split("\n") for line in wrapped(part, width()))
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
