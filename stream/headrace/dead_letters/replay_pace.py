"""How fast letters go, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class Pace:
    """So many letters a second at most; None is as fast as it goes.

    *clock* gives seconds; *wait* waits so many seconds, and says whether to stop.
    """

    def __init__(self, rate: float | None, clock: Callable[[], float], wait: Callable[[float], bool]) -> None:
        self._rate = rate
        self._clock = clock
        self._wait = wait
        self._free_at = clock()

    def at_once(self, most: int) -> int:
        """How many may go together, *most* or fewer: what a second allows, that they go evenly."""
        return most if self._rate is None else max(1, min(most, int(self._rate)))

    def take(self, letters: int) -> bool:
        """Wait until so many more may go; False when it is time to stop."""
        now = self._clock()
        begin = max(self._free_at, now)
        self._free_at = begin + (letters / self._rate if self._rate is not None else 0.0)
        return not self._wait(begin - now)

    def pause(self, seconds: float) -> bool:
        """Wait because something is in the way; whether to stop instead."""
        return self._wait(seconds)


@dataclass(frozen=True, slots=True)
class Progress:
    """So many of *total* letters, or what *noun* says, *done* in so many *seconds*."""

    done: int
    total: int
    seconds: float
    noun: str = "letters"

    @property
    def rate(self) -> float:
        """So many a second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the others will take at this rate; None when nothing is known yet."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None

    def __str__(self) -> str:
        left = self.seconds_left
        time = "" if left is None or self.done >= self.total else f", {spoken(left)} left"
        return f"{self.done:,} of {self.total:,} {self.noun}, {self.rate:,.0f} a second{time}"


def spoken(seconds: float) -> str:
    """Say a duration.

    >>> spoken(4.2), spoken(125), spoken(7300)
    ('5 s', '2 min 05 s', '2 h 01 min')
    """
    whole = int(-(-seconds // 1))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
