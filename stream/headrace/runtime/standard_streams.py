"""stdin, stdout and stderr of the program. They may be closed, full, or in an encoding that lacks characters."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Final, TextIO

from headrace.errors import Exit, HeadraceError

# For stdin, stdout and stderr: a read from stdin and a write to stdout fail; writes to stderr are discarded.
_WAYS: Final = (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)

_BEFORE: Final[list[TextIO]] = []  # the replaced streams: Python would close the file of a stream without references


class OutputError(HeadraceError, error_code="HR-305", exit_code=Exit.OUTPUT):
    """The result cannot be written to stdout. The text gives the cause."""


class ReaderGoneError(OutputError, error_code="HR-306", exit_code=Exit.READER_GONE):
    """The reader of stdout has gone, as ``head`` does."""


def set_up_streams() -> None:
    """Make the three streams usable. Call this before anything else opens a file.

    Open a closed stream on the null device. Otherwise the next file to be opened, such as the journal, would get its
    number, and a library would write its log into that file. Escape characters that an encoding lacks.
    """
    for number, way in enumerate(_WAYS):
        _open_if_closed(number, way)
    # Python sets a stream that was closed at the start to None.
    sys.stdin = sys.stdin or open(0, encoding="utf-8")  # noqa: SIM115 open as long as the program
    for name, number, stream in (("stdout", 1, _Output), ("stderr", 2, _Errors)):
        before = getattr(sys, name) or open(number, "w", encoding="utf-8")  # noqa: SIM115 likewise
        by_line = number == 2 or before.isatty()  # a terminal shows both in the order of their lines
        opened = stream(before.buffer, before.encoding, "backslashreplace", line_buffering=by_line)
        opened.reconfigure(write_through=before.write_through)  # as PYTHONUNBUFFERED asks
        setattr(sys, name, opened)
        _BEFORE.append(before)


def _open_if_closed(number: int, way: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, way)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)


class _Output(TextIOWrapper):
    """stdout, which raises OutputError if it is full, closed or has no reader, so that no other file is blamed."""

    def write(self, text: str) -> int:
        with _as_output_errors():
            return super().write(text)

    def flush(self) -> None:
        with _as_output_errors():
            super().flush()


class _Errors(TextIOWrapper):
    """stderr, which discards text that cannot be written, without an error."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


@contextmanager
def _as_output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise ReaderGoneError("nobody reads the output any more") from None
    except OSError as error:
        raise OutputError(f"stdout: cannot be written ({os.strerror(error.errno or 0).lower()})") from None


def discard_output() -> None:
    """Discard what is written to stdout from now on, and what a reader that has gone has not taken."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
