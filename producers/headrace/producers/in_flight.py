"""Messages that were sent and are not confirmed yet, for which ``flush`` waits."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError, Future
from typing import Final, NamedTuple

from headrace.errors import Exit, HeadraceError
from headrace.producers import process_end

_LOOK_SECONDS: Final = 1.0


class PublishError(HeadraceError, RuntimeError, error_code="HR-201", exit_code=Exit.UNREACHABLE):
    """Some events were not published. The text gives their number and the first error's type, never their values."""


class Counts(NamedTuple):
    """Events of one producer in this process."""

    accepted: int
    confirmed: int
    failed: int


class OutcomeCounter:
    """Count of futures by outcome, for events that something else waits for. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accepted = self._confirmed = self._failed = 0

    def add(self, future: Future[str]) -> None:
        """Count *future* now, and its outcome when it is settled."""
        with self._lock:
            self._accepted += 1
        future.add_done_callback(self._settled)

    def counts(self) -> Counts:
        """Return how many events were added, confirmed and failed so far."""
        with self._lock:
            return Counts(self._accepted, self._confirmed, self._failed)

    def _settled(self, future: Future[str]) -> None:
        is_failure = _error_of(future) is not None
        with self._lock:
            self._failed += is_failure
            self._confirmed += not is_failure


class _Wait(NamedTuple):
    """Futures that a call waits for."""

    left: set[Future[str]]
    over: threading.Lock  # held until none is left: a signal may leave an Event locked, which is Python's code

    def settled(self, future: Future[str]) -> None:
        if self.left:
            self.left.discard(future)
            if not self.left:
                self.over.release()


class InFlight:
    """Futures that are not settled yet, and a count of those that failed. Thread-safe.

    *flush* sends what waits for a batch to fill, before something waits for the futures. It keeps only the count and
    the first error. So it does not grow in a service that reads its futures and never calls ``flush``.
    """

    _lock: threading.Lock
    _futures: set[Future[str]]
    _waits: list[_Wait]
    _failed: int
    _first_error: BaseException | None
    _accepted: int
    _failed_in_all: int

    def __init__(self, flush: Callable[[], None] = lambda: None) -> None:
        self._flush = flush
        self._start_afresh()
        _all.add(self)

    def add(self, future: Future[str]) -> None:
        """Add *future*, which may be settled already, to those to wait for.

        After the exit hook has run, nothing else would wait for the future, so this method waits for it.
        """
        with self._lock:
            self._accepted += 1
            self._futures.add(future)
            process_end.wait_for(self)
        future.add_done_callback(self._settled)
        if process_end.has_waited():
            process_end.wait()

    def wait(self, timeout: float | None) -> None:
        """Wait until all futures added so far are settled. *timeout* is in seconds; None means no limit.

        Raises:
            TimeoutError: some are not settled; gives their number.
            PublishError: some failed since the last call that reported failures.
        """
        self._flush()
        with self._lock:
            started = _Wait(set(self._futures), threading.Lock())
            started.over.acquire()
            if started.left:
                self._waits.append(started)
        try:
            self._wait(started, timeout)
            check(started.left)
        finally:
            with self._lock:
                if started in self._waits:
                    self._waits.remove(started)
        self.raise_failure()

    def _wait(self, started: _Wait, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while started.left:
            left = _LOOK_SECONDS if deadline is None else min(_LOOK_SECONDS, deadline - time.monotonic())
            if started.over.acquire(timeout=max(0.0, left)) or left < _LOOK_SECONDS:
                return
            for future in [each for each in list(started.left) if each.done()]:
                self._settled(future)  # a signal has interrupted ``add`` before it could ask to be called

    def raise_failure(self) -> None:
        """Raise PublishError if some failed since the last call that reported failures."""
        with self._lock:
            failed, error = self._failed, self._first_error
            self._failed, self._first_error = 0, None
            self._note_finished()
        if failed:
            raise PublishError(
                f"{events_text(failed, 'was', 'were')} not published ({type(error).__name__}); "
                "publish what failed again, with the same ids"
            ) from error

    def counts(self) -> Counts:
        """Return how many events were added, confirmed and failed so far in this process."""
        with self._lock:
            under_way = len(self._futures)
            return Counts(self._accepted, self._accepted - self._failed_in_all - under_way, self._failed_in_all)

    def _settled(self, future: Future[str]) -> None:
        error = _error_of(future)
        with self._lock:
            if future not in self._futures:
                return
            self._futures.discard(future)
            if error is not None:
                self._failed += 1
                self._failed_in_all += 1
                self._first_error = self._first_error or error
            self._note_finished()
            for each in self._waits:  # after the count: a future is settled before what it calls has counted it
                each.settled(future)

    def _note_finished(self) -> None:
        if not self._futures and not self._failed:
            process_end.is_finished(self)

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._futures = set()
        self._waits = []
        self._failed = 0
        self._first_error = None
        self._accepted = self._failed_in_all = 0


def check(late: Collection[Future[str]]) -> None:
    """Raise TimeoutError if some futures are *late*."""
    if late:
        raise TimeoutError(f"{events_text(len(late), 'is', 'are')} still under way and may arrive yet")


def _error_of(future: Future[str]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


# A child that forks has none of its parent's futures, which would never settle there.
_all: weakref.WeakSet[InFlight] = weakref.WeakSet()


def _leave_to_the_parent() -> None:
    for in_flight in list(_all):
        in_flight._start_afresh()


os.register_at_fork(after_in_child=_leave_to_the_parent)


def events_text(count: int, one: str, more: str) -> str:
    """Return a number of events and their verb: ``1 event is`` or ``2 events are``."""
    return f"1 event {one}" if count == 1 else f"{count:,} events {more}"
