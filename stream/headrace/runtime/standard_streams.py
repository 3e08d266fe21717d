"""stdin, stdout and stderr of the program: whoever starts it may have closed, filled or encoded them otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Final, TextIO

from headrace.errors import Exit, HeadraceError

_WAYS: Final = (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)  # reading stdin fails and writing stdout does; stderr is lost

_BEFORE: Final[list[TextIO]] = []  # held: Python closes the file of one that nobody holds


class OutputError(HeadraceError, error_code="HR-305", exit_code=Exit.OUTPUT):
    """The result cannot be written to stdout. The text says why."""


class ReaderGoneError(OutputError, error_code="HR-306", exit_code=Exit.READER_GONE):
    """The reader of stdout has gone, as ``head`` does."""


def set_up_streams() -> None:
    """Make the three usable: call it before anything else is opened.

    A closed one is opened on the null device. Left alone, its number would go to the next file that is opened, such as
    the journal, and the log of a library would be written into that. What an encoding lacks is written escaped.
    """
    for number, way in enumerate(_WAYS):
        _open_if_closed(number, way)
    # Python has left out what was closed.
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
    """stdout: that it is full, closed or left is an OutputError, and not taken for the fault of another file."""

    def write(self, text: str) -> int:
        with _as_output_errors():
            return super().write(text)

    def flush(self) -> None:
        with _as_output_errors():
            super().flush()


class _Errors(TextIOWrapper):
    """stderr: what cannot be written is lost, and ends nothing."""

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
