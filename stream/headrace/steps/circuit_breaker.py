"""Circuit breaker of one subject.

If so many messages are refused that the cause is probably the job or its configuration, the subject waits. Otherwise
its whole topic would go to the dead-letter topic.

A *closed* circuit lets messages through. An *open* one takes none. A *half-open* one takes a sample, which decides
whether the circuit closes again.

The circuit breaker counts refusals that a deploy can end:

* those of the decode step, because a contract is missing or wrong, a decoder is broken, or producers changed their
  envelope
* those of lines of files, because a mapping can be corrected
* failures of a transformation

It does not count refusals that are about the data: dates out of bounds, rules of the contract on values, one id with
two payloads, rows that are too large, and rows that BigQuery refuses. If the whole table does not fit, the job waits.
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
FLOOR: Final = 1_000  # messages; with fewer, a share is not significant
COUNTED: Final = frozenset(
    {
        Reason.MALFORMED_ENVELOPE,
        Reason.UNKNOWN_SCHEMA,
        Reason.UNDECODABLE_PAYLOAD,
        Reason.UNREADABLE_REFERENCE,
        Reason.INVALID_LINE,
        Reason.TRANSFORM_FAILED,
    }
)


class CircuitState(StrEnum):
    """State of a subject's circuit, as the journal stores it."""

    CLOSED = "closed"
    OPEN = "open"
    FORCED_CLOSED = "forced_closed"  # by an operator: all unreadable messages become dead letters


class CircuitOpenError(HeadraceError, error_code="HR-512", exit_code=Exit.BUG):
    """More messages were refused than the contract allows, so the circuit is open.

    Nothing of this round was published or acknowledged.
    """


class CircuitBreaker:
    """Circuit breaker that judges each round of one subject before anything of it is published.

    Times are in microseconds and never go back.

    The circuit opens on a round if two conditions hold. The round exceeds the limit. And the limit is also exceeded by
    some series of rounds that ends with this one, lies within the window, and has at least *floor* messages. So within
    a window, fewer dead letters get through than *floor* plus the limit's share; once every message fails, fewer than
    *floor* do. While the circuit is open, each further round is a sample (half-open), and only its own share decides.
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
        """Stay closed until the share has fallen to the limit once: over *floor* messages, or over a whole window."""
        self._forced_closed_since, self._is_open = now, False

    def opens_on(self, now: int, received: int, refused: Mapping[Reason, int]) -> bool:
        """Return whether the circuit opens or stays open on this round; a round that passes is recorded."""
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
        """Return whether a sample can be read, and close the circuit if so; an empty sample does not close it."""
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
        """Return whether the latest *floor* messages, or all of a whole window, were within the limit."""
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
    """Return the number of refused messages that a deploy could make readable."""
    return sum(count for reason, count in refused.items() if reason in COUNTED)


def describe(received: int, refused: Mapping[Reason, int], percent: int) -> str:
    """Return a description of a round, for logs and output.

    >>> describe(1200, {Reason.UNKNOWN_SCHEMA: 900}, 50)
    '900 of 1,200 messages refused (unknown_schema 900); at most 50% may be'
    """
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(refused.items()) if reason in COUNTED)
    return f"{counted(refused):,} of {received:,} messages refused ({reasons or 'none'}); at most {percent}% may be"
