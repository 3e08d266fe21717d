"""Futures of the messages that this process added, and a count of those that Pub/Sub refused."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any


class DeliveryFuture(Future[str]):
    """Future of one message in an outbox. Nobody has to keep it, unless somebody wants its result."""

    _pinned: set[DeliveryFuture] | None = None

    def add_done_callback(self, fn: Callable[[Future[str]], Any]) -> None:
        """Call *fn* when the message is delivered, even if nobody else keeps the future until then."""
        if self._pinned is not None and not self.done():
            self._pinned.add(self)
        super().add_done_callback(fn)


class Deliveries:
    """The futures that wait, by number. Thread-safe.

    It holds them weakly, so that a long outage does not fill the memory with futures that nobody reads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: weakref.WeakValueDictionary[int, DeliveryFuture] = weakref.WeakValueDictionary()
        self._pinned: set[DeliveryFuture] = set()
        self._elsewhere: set[int] = set()
        self._refused = 0
        self._first_error: BaseException | None = None

    @contextmanager
    def expecting(self) -> Iterator[Callable[[int, DeliveryFuture, bool], None]]:
        """Yield a function to call with the number of each message that the block commits, its future, and whether it
        is sent here. Until the block ends, nothing is settled: a message may arrive before its number is known here.
        """
        with self._lock:
            yield self._expect

    def _expect(self, number: int, future: DeliveryFuture, is_sent_here: bool) -> None:
        future._pinned = self._pinned
        self._futures[number] = future
        if not is_sent_here:
            self._elsewhere.add(number)

    def elsewhere(self) -> list[int]:
        """Return the numbers of the messages that other processes send."""
        with self._lock:
            return sorted(self._elsewhere)

    def expect_elsewhere(self) -> None:
        """Another process has taken over all messages of this one."""
        with self._lock:
            self._elsewhere.update(self._futures.keys())

    def delivered(self, messages: Iterable[tuple[int, str]]) -> None:
        """Settle the futures of messages with these numbers and Pub/Sub's message ids."""
        with self._lock:  # once: it is held while others commit
            found = [(self._take(number), message_id) for number, message_id in messages]
        for future, message_id in found:
            if future is not None and not future.done():
                future.set_result(message_id)

    def refused(self, number: int, error: BaseException) -> None:
        """Settle the future of a message that Pub/Sub refuses, and count it."""
        with self._lock:
            future = self._take(number)
            self._refused += 1
            self._first_error = self._first_error or error
        if future is not None and not future.done():
            future.set_exception(error)

    def take_refused(self) -> tuple[int, BaseException | None]:
        """Return how many messages were refused since the last call, and the first error."""
        with self._lock:
            found = self._refused, self._first_error
            self._refused, self._first_error = 0, None
        return found

    def _take(self, number: int) -> DeliveryFuture | None:
        future = self._futures.pop(number, None)
        self._elsewhere.discard(number)
        if future is not None:
            self._pinned.discard(future)
        return future
