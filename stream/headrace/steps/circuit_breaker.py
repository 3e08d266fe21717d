"""Whether so much is refused that it must be our fault: then the subject waits, and its topic is not emptied into the
dead-letter topic.

Counted is what a deploy can mend: what the decode step refuses, for want of a contract or for a wrong one, since a
decoder broke or producers changed their envelope; lines of files, which a mapping can mend; and what a transformation
fails on. Not
counted is what no deploy could read better and waiting would not mend: dates out of bounds, one id with two contents,
rows that BigQuery refuses (the job waits when the table as a whole does not fit) or that are too large.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
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


class FloodError(HeadraceError, error_code="HR-512", exit_code=Exit.BUG):
    """More messages were refused than the contract allows. Nothing of this round was published or acknowledged."""


class FloodGuard:
    """Judges one subject's rounds before anything of them is published; times are microseconds, and never go back.

    A round is held when it is refused beyond the limit, and so is some stretch of rounds that ends with it, within
    the window and of *floor* messages or more. So of what is let through within a window, letters are fewer than
    *floor* and the limit's share together, and once every message fails, fewer than *floor*. After a round was held,
    others are held on their own share alone: each is a sample.
    """

    def __init__(self, percent: int, window: timedelta = WINDOW, floor: int = FLOOR) -> None:
        self._percent = percent
        self._window = window // timedelta(microseconds=1)
        self._floor = floor
        self._rounds: deque[tuple[int, int, int]] = deque()
        self._let_through_since: int | None = None
        self._held = False

    @property
    def lets_all_through(self) -> bool:
        """Whether an operator said so, and the share has not fallen to the limit since."""
        return self._let_through_since is not None

    def let_through(self, now: int) -> None:
        """Hold nothing until the share has fallen to the limit once: over *floor* messages, or a whole window."""
        self._let_through_since, self._held = now, False

    def judge(self, now: int, received: int, refused: Mapping[Reason, int]) -> bool:
        """Whether this round is to be held; one that is not is remembered."""
        bad = counted(refused)
        if self._must_hold(now, received, bad):
            self._held = True
            return True
        self._held = False
        self._rounds.append((now, received, bad))
        self._forget(now - self._window)
        if self._let_through_since is not None and self._has_fallen(now, self._let_through_since):
            self._let_through_since = None
        return False

    def passes(self, received: int, refused: Mapping[Reason, int]) -> bool:
        """Whether a sample shows that the subject can be read again; an empty one shows nothing."""
        good = received > 0 and not self._is_beyond(received, counted(refused))
        self._held = self._held and not good
        return good

    def _must_hold(self, now: int, received: int, bad: int) -> bool:
        if self.lets_all_through or not self._is_beyond(received, bad):
            return False
        if self._held:
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
    """How many of the refused messages speak of a flood."""
    return sum(count for reason, count in refused.items() if reason in COUNTED)


def describe(received: int, refused: Mapping[Reason, int], percent: int) -> str:
    """Say what was seen, for logs and people.

    >>> describe(1200, {Reason.UNKNOWN_SCHEMA: 900}, 50)
    '900 of 1,200 messages refused (unknown_schema 900); at most 50% may be'
    """
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(refused.items()) if reason in COUNTED)
    return f"{counted(refused):,} of {received:,} messages refused ({reasons or 'none'}); at most {percent}% may be"
