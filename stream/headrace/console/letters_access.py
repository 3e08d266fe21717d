"""The letters that settings name, for whoever runs the command; and what is said when there are none to be had."""

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
from headrace.dead_letters.actor import who
from headrace.dead_letters.archive_reader import Listed
from headrace.dead_letters.archive_writer import Archive, ArchiveNames
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.service import ChoiceError, Letters
from headrace.errors import Exit, HeadraceError
from headrace.runtime.reachability import Service, reach

T = TypeVar("T")


class NoArchiveError(HeadraceError, RuntimeError, error_code="HR-702", exit_code=Exit.CONFIGURATION):
    """The archive does not exist. The text says where it was looked for and the remedy."""


@contextmanager
def letters_of(settings: Settings) -> Iterator[Letters]:
    """The letters of the archive; opens what it needs when it needs it.

    Raises:
        NoArchiveError: there is no archive.
    """
    reach(Service.BIGQUERY)
    reader = open_reader(settings)
    try:
        yield Letters(
            reader=reader,
            open_archive=once(functools.partial(_archive, settings)),
            who=who(),
            clock=lambda: datetime.now(UTC),
            new_operation=lambda: uuid.uuid4().hex[:12],
        )
    except NotFound as error:
        raise NoArchiveError(_not_there(reader.names)) from error


def _archive(settings: Settings) -> Archive:
    reach(Service.WRITE)
    return open_archive(settings)


def once(make: Callable[[], T]) -> Callable[[], T]:
    """*make*, called when its result is asked for first."""
    return functools.cache(make)


def chosen(service: Letters, wanted: Filter, states: tuple[str, ...], verb: str) -> list[Listed]:
    """The letters that a command changes: some must be chosen.

    Raises:
        ChoiceError: the command says nothing of which letters it means.
    """
    if chooses_nothing(wanted, states):
        raise ChoiceError(f"say which letters to {verb}: ids, or a filter such as --reason; --state all is not one")
    return service.matching(wanted)


def confirmed(question: str, sure: bool) -> bool:
    """Whether the person says yes; ChoiceError where nobody can be asked."""
    if sure:
        return True
    if not sys.stdin.isatty():
        raise ChoiceError(f"{question} nobody is there to ask, and nothing is done; add --yes where that is meant")
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:  # stdin has ended: that is no answer, and no finding
        raise KeyboardInterrupt from None


def _not_there(names: ArchiveNames) -> str:
    return (
        f"{names.project}.{names.dataset}: no archive of dead letters there; `headrace provision` makes it, "
        "HEADRACE_ARCHIVE_DATASET names another"
    )
