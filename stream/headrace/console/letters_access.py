"""Give commands access to the letters of the archive, and ask the user for confirmation."""

from __future__ import annotations

import functools
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import typer
from google.api_core.exceptions import NotFound

from headrace.config.settings import Settings
from headrace.console.archive_access import open_archive, open_reader
from headrace.console.letter_choice import chooses_nothing
from headrace.dead_letters.actor import current_actor
from headrace.dead_letters.archive_writer import ArchiveNames, ArchiveWriter
from headrace.dead_letters.archived_letter import LetterSummary
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.service import ChoiceError, LetterService
from headrace.errors import Exit, HeadraceError
from headrace.runtime.reachability import Service, reach

T = TypeVar("T")


class NoArchiveError(HeadraceError, RuntimeError, error_code="HR-702", exit_code=Exit.CONFIGURATION):
    """The archive does not exist. The message names it and the remedy."""


@contextmanager
def letters_of(settings: Settings) -> Iterator[LetterService]:
    """Give access to the letters of the archive; open connections when they are first needed.

    Raises:
        NoArchiveError: the archive does not exist.
    """
    reach(Service.BIGQUERY)
    reader = open_reader(settings)
    try:
        yield LetterService(
            reader=reader,
            open_archive=once(functools.partial(_archive, settings)),
            actor=current_actor(),
            clock=lambda: datetime.now(UTC),
            new_operation=lambda: uuid.uuid4().hex[:12],
        )
    except NotFound as error:
        raise NoArchiveError(_not_there(reader.names)) from error


def _archive(settings: Settings) -> ArchiveWriter:
    reach(Service.WRITE)
    return open_archive(settings)


def once(make: Callable[[], T]) -> Callable[[], T]:
    """Return a function that calls *make* on its first call and returns the same result afterwards."""
    return functools.cache(make)


def chosen(service: LetterService, wanted: Filter, states: tuple[str, ...], verb: str) -> list[LetterSummary]:
    """Return the letters that a command may change.

    Raises:
        ChoiceError: the options choose no letters.
    """
    if chooses_nothing(wanted, states):
        raise ChoiceError(
            f"no letters chosen: give the ids to {verb}, or a filter such as --reason; --state all is not a filter"
        )
    return service.find_matching(wanted)


def confirmed(question: str, sure: bool) -> bool:
    """Return whether the user agrees. Raises ChoiceError if stdin is not a terminal."""
    if sure:
        return True
    if not sys.stdin.isatty():
        raise ChoiceError(f"{question} stdin is not a terminal, so nothing was done; add --yes to agree")
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:  # stdin has ended without an answer
        raise KeyboardInterrupt from None


def _not_there(names: ArchiveNames) -> str:
    return (
        f"{names.project}.{names.dataset}: no archive of dead letters; create it with `headrace provision`, or name "
        "another with HEADRACE_ARCHIVE_DATASET"
    )
