"""Limit the rate of a replay, and estimate the remaining time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class RateLimit:
    """A limit of *rate* letters a second, or no limit if *rate* is unset.

    *clock* returns seconds; *wait* waits a number of seconds, and returns True if the replay should stop.
    """

    def __init__(self, rate: float | None, clock: Callable[[], float], wait: Callable[[float], bool]) -> None:
        self._rate = rate
        self._clock = clock
        self._wait = wait
        self._free_at = clock()

    def batch_size(self, most: int) -> int:
        """Return the number of letters to send in one batch: at most *most*, and at most those of one second."""
        return most if self._rate is None else max(1, min(most, int(self._rate)))

    def take(self, letters: int) -> bool:
        """Wait until the next *letters* letters may be sent. Return False if the replay should stop."""
        now = self._clock()
        begin = max(self._free_at, now)
        self._free_at = begin + (letters / self._rate if self._rate is not None else 0.0)
        return not self._wait(begin - now)

    def pause(self, seconds: float) -> bool:
        """Wait before a retry. Return True if the replay should stop instead."""
        return self._wait(seconds)


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress: *done* of *total* letters in *seconds*; *noun* names other items than letters."""

    done: int
    total: int
    seconds: float
    noun: str = "letters"

    @property
    def rate(self) -> float:
        """Items done a second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Remaining seconds at this rate, or None before any item is done."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None

    def __str__(self) -> str:
        left = self.seconds_left
        time = "" if left is None or self.done >= self.total else f", {duration(left)} left"
        return f"{self.done:,} of {self.total:,} {self.noun}, {self.rate:,.0f} a second{time}"


def duration(seconds: float) -> str:
    """Return a duration as text.

    >>> duration(4.2), duration(125), duration(7300)
    ('5 s', '2 min 05 s', '2 h 01 min')
    """
    whole = int(-(-seconds // 1))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
