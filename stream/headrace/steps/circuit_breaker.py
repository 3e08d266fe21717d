"""The circuit breaker of one subject: when so much is refused that it must be our fault, the subject waits, instead of
emptying its topic into the dead-letter topic.

*Closed*, messages go through. *Open*, none are taken. *Half-open*, a sample decides whether the circuit closes again.

Counted are refusals that a deploy can end: those of the decode step, because a contract is missing or wrong, a decoder
broke or producers changed their envelope; lines of files, where a mapping can be corrected; and failures of a
transformation. Not counted are those that no deploy and no waiting would end: dates out of bounds, one id with two
contents, rows that BigQuery refuses (the job waits when the table as a whole does not fit) or that are too large.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from headrace.core.dead_letter import Reason
from headrace.errors import Exit, HeadraceError

WINDOW: Final = timedelta(minutes=1)
FLOOR: Final = 1_000  # messages; of fewer a share says little
COUNTED: Final = frozenset(
    {
        Reason.MALFORMED_ENVELOPE,
        Reason.UNKNOWN_SCHEMA,
        Reason.UNDECODABLE_PAYLOAD,
        Reason.INVALID_LINE,
        Reason.TRANSFORM_FAILED,
    }
)


class CircuitState(StrEnum):
    """The state of a subject's circuit, as the journal keeps it."""

    CLOSED = "closed"
    OPEN = "open"
    FORCED_CLOSED = "forced_closed"  # by an operator: all that cannot be read becomes dead letters


class CircuitOpenError(HeadraceError, error_code="HR-512", exit_code=Exit.BUG):
    """More was refused than the contract allows, so the circuit is open; nothing of this round was published or
    acknowledged."""


class CircuitBreaker:
    """Decides on one subject's rounds before anything of them is published; times are microseconds, never going back.

    The circuit opens on a round that is refused beyond the limit, when some stretch of rounds that ends with it is
    too, within the window and of *floor* messages or more. So of what goes through within a window, letters are fewer
    than *floor* and the limit's share together, and once every message fails, fewer than *floor*. While it is open,
    each further round is a sample (half-open): its own share alone decides.
    """

    def __init__(self, percent: int, window: timedelta = WINDOW, floor: int = FLOOR) -> None:
        self._percent = percent
        self._window = window // timedelta(microseconds=1)
        self._floor = floor
        self._rounds: deque[tuple[int, int, int]] = deque()
        self._forced_closed_since: int | None = None
        self._is_open = False

    @property
    def is_forced_closed(self) -> bool:
        """Whether an operator closed the circuit, and the share has not fallen to the limit since."""
        return self._forced_closed_since is not None

    def force_closed(self, now: int) -> None:
        """Stay closed until the share has fallen to the limit once: over *floor* messages, or a whole window."""
        self._forced_closed_since, self._is_open = now, False

    def opens_on(self, now: int, received: int, refused: Mapping[Reason, int]) -> bool:
        """Whether the circuit opens, or stays open, on this round; a round that goes through is remembered."""
        bad = counted(refused)
        if self._must_open(now, received, bad):
            self._is_open = True
            return True
        self._is_open = False
        self._rounds.append((now, received, bad))
        self._forget(now - self._window)
        if self._forced_closed_since is not None and self._has_fallen(now, self._forced_closed_since):
            self._forced_closed_since = None
        return False

    def passes(self, received: int, refused: Mapping[Reason, int]) -> bool:
        """Close the circuit and return True when a sample shows that the subject can be read; an empty one does not."""
        good = received > 0 and not self._is_beyond(received, counted(refused))
        self._is_open = self._is_open and not good
        return good

    def _must_open(self, now: int, received: int, bad: int) -> bool:
        if self.is_forced_closed or not self._is_beyond(received, bad):
            return False
        if self._is_open:
            return True
        if received >= self._floor:
            return True
        oldest = now - self._window
        for then, more, worse in reversed(self._rounds):
            if then <= oldest:
                break
            received, bad = received + more, bad + worse
            if received >= self._floor and self._is_beyond(received, bad):
                return True
        return False

    def _has_fallen(self, now: int, since: int) -> bool:
        """Whether the latest *floor* messages, or all of a whole window, were within the limit."""
        received = bad = 0
        for _, more, worse in reversed(self._rounds):
            received, bad = received + more, bad + worse
            if received >= self._floor:
                break
        enough = received >= self._floor or now - since >= self._window
        return enough and not self._is_beyond(received, bad)

    def _is_beyond(self, received: int, bad: int) -> bool:
        return bad * 100 > self._percent * received

    def _forget(self, oldest: int) -> None:
        while self._rounds and self._rounds[0][0] <= oldest:
            self._rounds.popleft()


def counted(refused: Mapping[Reason, int]) -> int:
    """Count those of the refused messages that a deploy could read."""
    return sum(count for reason, count in refused.items() if reason in COUNTED)


def describe(received: int, refused: Mapping[Reason, int], percent: int) -> str:
    """Describe a round, for logs and people.

    >>> describe(1200, {Reason.UNKNOWN_SCHEMA: 900}, 50)
    '900 of 1,200 messages refused (unknown_schema 900); at most 50% may be'
    """
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(refused.items()) if reason in COUNTED)
    return f"{counted(refused):,} of {received:,} messages refused ({reasons or 'none'}); at most {percent}% may be"
