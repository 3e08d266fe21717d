"""The number of messages that make a round: one when they are few, so that each goes at once; more, the faster they
come."""

from __future__ import annotations

from collections import deque
from typing import Final

LINGER_SECONDS: Final = 0.05  # a message waits for others no longer than this
RATE_SECONDS: Final = 1.0


def batch_size(rate: float, at_most: int) -> int:
    """Return how many messages to wait for: as many as arrive within LINGER_SECONDS at *rate* a second, at least one.

    >>> [batch_size(rate, at_most=5000) for rate in (0.0, 10.0, 1_000.0, 1e6)]
    [1, 1, 50, 5000]
    """
    return max(1, int(min(rate * LINGER_SECONDS, at_most)))


class ArrivalRate:
    """The rate at which messages were taken lately; times are monotonic seconds."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, int]] = deque()

    def note(self, now: float, count: int) -> None:
        """Record that *count* messages were taken."""
        self._taken.append((now, count))

    def rate(self, now: float) -> float:
        """Return the messages a second, over the last RATE_SECONDS."""
        while self._taken and self._taken[0][0] <= now - RATE_SECONDS:
            self._taken.popleft()
        return sum(count for _, count in self._taken) / RATE_SECONDS
