"""Lines for the log about requests that keep failing, and about messages that are given up."""

from __future__ import annotations

from typing import Final

WARN_AFTER_SECONDS: Final = 5.0  # a request that is tried again for a shorter time is nothing to act on
WARN_EVERY_SECONDS: Final = 30.0


class Outages:
    """Decides what to log. Times are in seconds of a monotonic clock. It is not thread-safe."""

    def __init__(self) -> None:
        self._reported: set[str] = set()  # topics that are not known to work again
        self._silent_until = 0.0
        self._given_up = 0  # messages since the last line about them
        self._quiet_until = 0.0

    def failed(self, topic: str, cause: str, seconds: float, waiting: int, now: float) -> str | None:
        """Return a line about a request that has failed with *cause* for *seconds*, unless there was one lately."""
        if seconds < WARN_AFTER_SECONDS or now < self._silent_until:
            return None
        self._silent_until = now + WARN_EVERY_SECONDS
        self._reported.add(topic)
        return f"{topic}: not published for {seconds:.0f} s ({cause}); unconfirmed messages: {waiting:,}; trying again"

    def succeeded(self, topic: str, waiting: int) -> str | None:
        """Return a line about the first request that succeeds after one that was reported."""
        if topic not in self._reported:
            return None
        self._reported.remove(topic)
        return f"{topic}: published again; unconfirmed messages: {waiting:,}"

    def gave_up(self, topic: str, cause: str, messages: int, now: float) -> str | None:
        """Return a line about messages that failed for good, unless there was one lately; the next one counts them."""
        self._given_up += messages
        if now < self._quiet_until:
            return None
        self._quiet_until = now + WARN_EVERY_SECONDS
        count, self._given_up = self._given_up, 0
        return f"{topic}: not published ({cause}); failed messages: {count:,}; their futures have the error"
