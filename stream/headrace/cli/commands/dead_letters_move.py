"""``headrace dead-letters export`` and ``import``: write complete letters to a file, and import them from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from headrace.config.settings import Settings
from headrace.console.letters_access import letters_of
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.service import ChoiceError
from headrace.dead_letters.transfer import export, import_lines
from headrace.util.output import say
from headrace.util.terminal_columns import counted


def export_letters(settings: Settings, path: Path, wanted: Filter, why: str) -> None:
    """Write the letters that match into a file that only its owner may read, one letter a line."""
    with letters_of(settings) as service, _written(path) as out:
        count = 0
        for line in export(service, service.find_matching(wanted), wanted, why):
            out.write(line + "\n")
            count += 1
    say(
        f"exported {counted(count, 'letter')} with their personal data; "
        "`headrace dead-letters import` imports them elsewhere"
    )


def import_letters(settings: Settings, path: Path, why: str) -> None:
    """Import the letters of an export that the archive lacks."""
    with letters_of(settings) as service, _read(path) as lines:
        new, present = import_lines(service, lines, why)
    say(f"imported {counted(new, 'letter')}; {present:,} were in the archive already")


@contextmanager
def _written(path: Path) -> Iterator[TextIO]:
    if str(path) == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ChoiceError(f"{path}: cannot be created ({error.strerror}); name a new file") from None
    with os.fdopen(descriptor, "w") as out:
        yield out


@contextmanager
def _read(path: Path) -> Iterator[TextIO]:
    if str(path) == "-":
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        yield sys.stdin
        return
    try:
        file = path.open(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise ChoiceError(f"{path}: cannot be read ({error.strerror}); name a file of an export") from None
    with file:
        yield file
