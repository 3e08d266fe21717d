"""The scope of an audit: subjects, begin, windows, and the time that is excused as in flight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from headrace.errors import Exit, HeadraceError
from headrace.schemas.annotations import parse_duration
from headrace.schemas.envelope import from_micros
from headrace.schemas.errors import ContractError, UnreadableTextError
from headrace.schemas.registry import Registry
from headrace.schemas.times import read_datetime, to_utc

GRACE: Final = timedelta(minutes=1)
_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NO_TIME: Final = re.compile(r"0+[smhd]")


class ScopeError(HeadraceError, ValueError, error_code="HR-801", exit_code=Exit.USAGE):
    """An option of an audit is invalid. The message names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Bounds of one audit. *now* is in microseconds since 1970.

    *since* is an event time; the audit begins with its window. *grace* is the time for which an event may have no
    outcome, or a row no tally, before that is a difference. Nothing is excused before the time up to which a subject
    is complete. With *sequences*, numbers that are missing in the sequences of sources are differences, too.
    """

    now: int
    window: timedelta
    since: datetime = _BEGINNING
    grace: timedelta = GRACE
    subjects: Sequence[str] = ()
    contents: bool = False
    sequences: bool = False

    @property
    def window_micros(self) -> int:
        """The length of a window in microseconds."""
        return self.window // _MICROSECOND

    @property
    def first(self) -> datetime:
        """Start of the first window."""
        if self.since <= _BEGINNING + self.window:
            return _BEGINNING
        return self.since - (self.since - from_micros(0)) % self.window

    def from_then_on(self, since: datetime) -> Scope:
        """Return the same scope from an event time on."""
        return replace(self, since=since)

    def settled(self, complete_until: datetime | None) -> datetime:
        """Return the time up to which nothing is in flight."""
        excused = from_micros(self.now) - self.grace
        return excused if complete_until is None else max(complete_until, excused)


def parse_since(text: str, now: int, option: str = "--since") -> datetime:
    """Read RFC 3339, a date, or a duration before *now* (microseconds since 1970).

    >>> parse_since("6h", 86_400_000_000).isoformat()
    '1970-01-01T18:00:00+00:00'
    >>> parse_since("2026-03-14", 0).isoformat()
    '2026-03-14T00:00:00+00:00'

    Raises:
        ScopeError: *text* is invalid, or before the year 1.
    """
    try:
        return from_micros(now) - parse_duration(text, option)
    except ContractError:
        pass
    except OverflowError as error:
        raise ScopeError(f"{option}: before the year 1; leave it out for everything") from error
    try:
        moment = read_datetime(text)
        return to_utc(moment) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except UnreadableTextError as error:
        raise ScopeError(
            f'{option}: {_why(error)}; write "6h", "30d", "2026-03-14" or "2026-03-14T15:00:00Z"'
        ) from error


def _why(error: UnreadableTextError) -> str:
    return "invalid time" if error.why == UnreadableTextError.UNLIKE else error.why


def parse_grace(text: str) -> timedelta:
    """Read the time that is excused as in flight, such as ``1m`` or ``0s``.

    Raises:
        ScopeError: invalid duration.
    """
    try:
        return timedelta() if _NO_TIME.fullmatch(text) else parse_duration(text, "--grace")
    except ContractError as error:
        raise ScopeError('--grace: invalid duration; write a number and s, m, h or d, such as "1m"') from error


def chosen(registry: Registry, scope: Scope) -> Sequence[str]:
    """Return the subjects to audit.

    Raises:
        ScopeError: a subject has no contract.
    """
    for subject in scope.subjects:
        if subject not in registry.subjects:
            raise ScopeError(f"--subject: unknown; use one of {', '.join(registry.subjects)}")
    return sorted(set(scope.subjects)) or registry.subjects
