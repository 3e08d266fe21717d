"""Read the options that choose letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from headrace.audit.scope import ScopeError, parse_since
from headrace.core.dead_letter import Reason
from headrace.dead_letters.facts import State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.service import ChoiceError
from headrace.runtime.clock import now_micros

ALL: Final = "all"


def read_filter(
    *,
    ids: Sequence[str] | None,
    reason: Sequence[str] | None,
    subject: Sequence[str] | None,
    claimed: Sequence[str] | None,
    source: Sequence[str] | None,
    state: Sequence[str] | None,
    since: str | None,
    until: str | None,
    text: str,
    default_states: Sequence[str],
    now: Callable[[], int] = now_micros,
) -> Filter:
    """Return the filter for the options, with *default_states* if neither ids nor states are given.

    Raises:
        ChoiceError: a reason or a state is unknown.
        ScopeError: a time is invalid.
    """
    _check(reason, [each.value for each in Reason], "--reason")
    _check(state, [*State, ALL], "--state")
    states = state or (() if ids else default_states)
    return Filter(
        ids=tuple(each.lower() for each in ids or ()),
        reasons=tuple(reason or ()),
        subjects=tuple(subject or ()),
        claimed=tuple(_reference(each) for each in claimed or ()),
        sources=tuple(source or ()),
        states=() if ALL in states else tuple(states),
        since=_moment(since, "--since", now),
        until=_moment(until, "--until", now),
        text=text,
    )


def chooses_nothing(wanted: Filter, default_states: Sequence[str]) -> bool:
    """Return whether *wanted* is the filter without any options."""
    return wanted in (Filter(), Filter(states=tuple(default_states)))


def _check(given: Sequence[str] | None, known: Sequence[str], option: str) -> None:
    for each in given or ():
        if each not in known:
            raise ChoiceError(f"{option} {each[:40]!r}: unknown; use one of {', '.join(known)}")


def _reference(text: str) -> str:
    """Return a contract's name in ce-dataschema for its short form ``booking_created:2`` or ``booking_created.v2``."""
    if text.startswith("headrace:"):
        return text
    subject, dot, version = text.rpartition(".v")
    return f"headrace:{subject}:{version}" if dot else f"headrace:{text}"


def _moment(text: str | None, option: str, now: Callable[[], int]) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_since(text, now())
    except ScopeError as error:
        raise ScopeError(str(error).replace("--since", option)) from None
