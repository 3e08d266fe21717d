"""Base class of all errors of Headrace, and the exit codes of its commands."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Exit codes of commands."""

    DONE = 0
    FOUND = 1  # the command ran and found a problem that it looks for: a difference, an invalid event
    USAGE = 2
    CONFIGURATION = 3
    PERMISSION = 4
    UNREACHABLE = 5
    HALTED = 6  # stored rows differ from committed rows, or another engine took over; nothing was acknowledged
    BUG = 70
    OUTPUT = 74  # the work is done, but stdout cannot be written: it is closed, or its disk is full
    INTERRUPTED = 130
    READER_GONE = 141  # the code that a shell reports for a program that writes into a closed pipe


class HeadraceError(Exception):
    """Base of all errors of Headrace.

    A subclass declares its *error_code*, which never changes, and the *exit_code* of a command that ends with it.
    Errors that other code always converts into another error have ``Exit.BUG``: a command that ends with one of them
    has a bug.
    """

    error_code: ClassVar[str]
    exit_code: ClassVar[Exit]

    def __init_subclass__(cls, *, error_code: str, exit_code: Exit) -> None:
        super().__init_subclass__()
        cls.error_code, cls.exit_code = error_code, exit_code

    @property
    def faults(self) -> tuple[HeadraceError, ...]:
        """Each fault as an error of its own, where one error has several."""
        return (self,)
