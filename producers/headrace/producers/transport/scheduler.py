"""One thread that calls functions at their time: batches that have waited long enough, and retries."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Final

IDLE_SECONDS: Final = 30.0  # after which the thread ends, until it is needed again

_log = logging.getLogger(__name__)


class Scheduler:
    """Calls functions at times of the monotonic clock. Its daemon thread starts when it is needed. Thread-safe."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()  # of functions at the same time, which are called in order
        self._lock = threading.RLock()  # entered itself, because a signal may leave ``with condition`` locked
        self._changed = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closed = False

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Call *call* at *when*, in seconds of ``time.monotonic()``, or at once if that has passed."""
        with self._lock:
            entry = (when, next(self._numbers), call)
            heapq.heappush(self._due, entry)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="headrace-publisher", daemon=True)
                thread.start()  # RuntimeError if the system has no thread left: the next call tries again
                self._thread = thread
            elif (
                self._due[0] is entry or self._due[0][0] <= time.monotonic()
            ):  # a signal may have kept it from notifying
                self._changed.notify()

    def close(self) -> None:
        """End the thread; what is not due yet is not called."""
        with self._lock:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception:  # the others that are due must not wait for ever
                _log.exception("the publisher's thread goes on after an error")

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next function that is due; None at the end."""
        with self._lock:
            while not self._closed:
                pause = self._due[0][0] - time.monotonic() if self._due else IDLE_SECONDS
                if pause <= 0:
                    return heapq.heappop(self._due)[2]
                if not self._changed.wait(pause) and not self._due:
                    break
            self._thread = None
            return None
