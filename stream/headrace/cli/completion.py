"""Values that the shell completes: subjects, versions, reasons, states, formats and ids of letters.

A completion prints nothing but values. Whatever goes wrong, it offers none.
"""

from __future__ import annotations

import contextlib
import functools
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import typer

LETTER_SECONDS: Final = 1.0
_MOST_LETTERS: Final = 50
C = TypeVar("C", bound=Callable[..., list[Any]])
T = TypeVar("T")


def _silent(complete: C) -> C:
    """Return no value if *complete* fails, and discard what it prints to stderr."""

    @functools.wraps(complete)
    def wrapper(*arguments: Any, **named: Any) -> list[Any]:
        with contextlib.redirect_stderr(io.StringIO()):
            try:
                return complete(*arguments, **named)
            except Exception:
                return []

    return wrapper  # type: ignore[return-value]


@_silent
def subjects(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the subjects that have a contract in the folder that the command line or the settings name."""
    from headrace.schemas.folder import subjects_within

    folder = _folder_of(ctx)
    return sorted(subjects_within(folder)) if folder else []


@_silent
def contract_versions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the versions of the subject that the command line names."""
    from headrace.schemas.folder import SUFFIX

    folder = _folder_of(ctx)
    named = (ctx.params.get("subject"), *(ctx.params.get("subjects") or ()))
    subject = next(filter(None, (*named, *reversed(ctx.args))), None)  # in args while an option lacks its value
    names = (each.name.removesuffix(SUFFIX) for each in folder.glob(f"*{SUFFIX}")) if folder and subject else ()
    numbers = (version for name, _, version in (each.rpartition(".v") for each in names) if name == subject)
    return sorted((each for each in numbers if each.isdecimal()), key=int)


@_silent
def reasons(incomplete: str) -> list[str]:
    """Return the reasons for which messages are refused."""
    from headrace.core.dead_letter import Reason

    return [each.value for each in Reason]


@_silent
def report_formats(incomplete: str) -> list[str]:
    """Return the formats in which a check of contracts reports."""
    from headrace.contract_check.reports import ReportFormat

    return [*ReportFormat]


@_silent
def published_places(incomplete: str) -> list[str]:
    """Return the services that contracts are compared with."""
    from headrace.cli.commands.check_against import SERVICES

    return list(SERVICES)


@_silent
def outcomes(incomplete: str) -> list[str]:
    """Return the outcomes of events that `headrace tail` shows."""
    from headrace.cli.commands.tail import OUTCOMES

    return list(OUTCOMES)


@_silent
def states(incomplete: str) -> list[str]:
    """Return the states of letters, and the word for all of them."""
    from headrace.console.letter_choice import ALL
    from headrace.dead_letters.facts import State

    return [*State, ALL]


@_silent
def formats(incomplete: str) -> list[str]:
    """Return the formats of output."""
    from headrace.util.output import FORMATS

    return list(FORMATS)


@_silent
def letter_ids(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the newest letters whose ids begin with *incomplete*, each with reason and subject.

    The archive has LETTER_SECONDS to answer.
    """
    from headrace.config.settings import load_settings
    from headrace.console.archive_access import open_reader
    from headrace.dead_letters.service import SHORT

    settings, beginning = load_settings(**_flags(ctx)), incomplete.lower()
    letters = _within_seconds(lambda: open_reader(settings).suggest(beginning, _MOST_LETTERS), LETTER_SECONDS)
    size = max(SHORT, len(beginning))
    return [(letter_id[:size], f"{reason} {subject}") for letter_id, reason, subject in letters]


def _within_seconds(ask: Callable[[], list[T]], seconds: float) -> list[T]:
    """Return the result of *ask*, or nothing if it fails or has none within *seconds*."""
    found: list[T] = []

    def add() -> None:
        with contextlib.suppress(Exception):
            found.extend(ask())

    thread = threading.Thread(target=add, name="completion", daemon=True)  # the program does not wait for its end
    thread.start()
    thread.join(seconds)
    return [] if thread.is_alive() else found


def _folder_of(ctx: typer.Context) -> Path | None:
    """Return the folder of contracts that the command line or the settings name."""
    from headrace.config.served_contracts import folder_named

    return folder_named(ctx.params.get("contracts") or ctx.params.get("folder"), ctx.params.get("profile"))


def _flags(ctx: typer.Context) -> dict[str, Any]:
    """Return those options on the command line that say where letters and contracts are."""
    return {name: ctx.params.get(name) for name in ("project", "contracts", "profile") if ctx.params.get(name)}
