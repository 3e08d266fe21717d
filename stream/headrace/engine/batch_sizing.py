"""The number of messages in a round: one at a low rate, so that no message waits, and more at a higher rate."""

from __future__ import annotations

from collections import deque
from typing import Final

LINGER_SECONDS: Final = 0.05  # the longest time that a message waits for others
RATE_SECONDS: Final = 1.0


def batch_size(rate: float, at_most: int) -> int:
    """Return the number of messages to wait for: those that arrive within LINGER_SECONDS at *rate* a second, or one.

    >>> [batch_size(rate, at_most=5000) for rate in (0.0, 10.0, 1_000.0, 1e6)]
    [1, 1, 50, 5000]
    """
    return max(1, int(min(rate * LINGER_SECONDS, at_most)))


class ArrivalRate:
    """The rate at which messages were taken recently; times are monotonic seconds."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, int]] = deque()

    def note(self, now: float, count: int) -> None:
        """Record that *count* messages were taken."""
        self._taken.append((now, count))

    def rate(self, now: float) -> float:
        """Return the number of messages a second over the last RATE_SECONDS."""
        while self._taken and self._taken[0][0] <= now - RATE_SECONDS:
            self._taken.popleft()
        return sum(count for _, count in self._taken) / RATE_SECONDS
