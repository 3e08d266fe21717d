"""A bound on requests per time."""

from __future__ import annotations

import threading
from collections.abc import Callable


class RequestBudget:
    """Allows *at_once* requests at once, and *a_second* more each second. Any thread may use it."""

    def __init__(self, at_once: int, a_second: float, now: Callable[[], float]) -> None:
        self._most = float(at_once)
        self._left = float(at_once)
        self._a_second = a_second
        self._now = now
        self._looked_at = now()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Return whether one more request is allowed, and count it."""
        with self._lock:
            now = self._now()
            self._left = min(self._most, self._left + (now - self._looked_at) * self._a_second)
            self._looked_at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True
