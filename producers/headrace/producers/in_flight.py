"""What was handed over and is not confirmed yet: waited for by ``flush``, and when the process ends."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from concurrent.futures import CancelledError, Future, wait
from multiprocessing import util
from typing import Final

from headrace.errors import Exit, HeadraceError

EXIT_FLUSH_SECONDS: Final = 60.0

_log = logging.getLogger(__name__)


class PublishError(HeadraceError, RuntimeError, error_code="HR-201", exit_code=Exit.UNREACHABLE):
    """Events were not published. The text says how many and why the first one failed, never their values."""


class InFlight:
    """Futures until they settle, and a count of those that failed. Thread-safe.

    Only the count and the first error are kept, so that a service which reads its futures and never flushes does
    not grow.
    """

    _lock: threading.Lock
    _futures: set[Future[str]]
    _failed: int
    _first_error: BaseException | None

    def __init__(self) -> None:
        self._start_afresh()
        _all.add(self)

    def add(self, future: Future[str]) -> None:
        """Wait for *future* from now on; it may have settled already.

        Once the exit hook has run nobody else would wait for it, so it is waited for here.
        """
        with self._lock:
            self._futures.add(future)
            _unfinished.add(self)
        future.add_done_callback(self._settled)
        if _process.has_waited:
            wait_at_exit()

    def wait(self, timeout: float | None) -> None:
        """Wait until all that was added before is settled; *timeout* in seconds, None for as long as it takes.

        Raises:
            TimeoutError: some are still under way; says how many.
            PublishError: some failed since the last time this was told.
        """
        with self._lock:
            futures = set(self._futures)
        late = wait(futures, timeout).not_done
        if late:
            raise TimeoutError(f"{_events(len(late), 'is', 'are')} still under way; they may arrive yet")
        with self._lock:
            failed, error = self._failed, self._first_error
            self._failed, self._first_error = 0, None
            self._note_finished()
        if failed:
            raise PublishError(
                f"{_events(failed, 'was', 'were')} not published ({type(error).__name__}); "
                "publish what failed again, with the same ids"
            ) from error

    def _settled(self, future: Future[str]) -> None:
        error = _error_of(future)
        with self._lock:
            self._futures.discard(future)
            if error is not None:
                self._failed += 1
                self._first_error = self._first_error or error
            self._note_finished()

    def _note_finished(self) -> None:
        if not self._futures and not self._failed:
            _unfinished.discard(self)

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._futures = set()
        self._failed = 0
        self._first_error = None


def _error_of(future: Future[str]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


def wait_at_exit() -> None:
    """Wait for what every producer of this process left under way, at most a minute, and log what was lost."""
    _process.has_waited = True
    deadline = time.monotonic() + EXIT_FLUSH_SECONDS
    unfinished = list(_unfinished)
    _unfinished.clear()  # once: two of the hooks below run when a process ends
    for in_flight in unfinished:
        try:
            in_flight.wait(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, PublishError) as error:
            _log.error("at exit: %s", error)


class _Process:
    """What is known of this process."""

    has_waited = False


_process: Final = _Process()
# The second holds on to what is unfinished, so that a producer may be collected before its events are confirmed.
_all: weakref.WeakSet[InFlight] = weakref.WeakSet()
_unfinished: set[InFlight] = set()


def _leave_to_the_parent() -> None:
    """In a forked child: the parent's futures would never settle here, and a lock may be held by no thread."""
    for in_flight in list(_all):
        in_flight._start_afresh()
    _unfinished.clear()
    _process.has_waited = False


class _Hook:
    """Something multiprocessing can hold a weak reference to."""


def _wait_when_a_child_ends(_: object) -> None:
    """Multiprocessing's children end by ``os._exit``, which skips atexit; they run these instead."""
    util.Finalize(None, wait_at_exit, exitpriority=100)


_HOOK: Final = _Hook()
atexit.register(wait_at_exit)
os.register_at_fork(after_in_child=_leave_to_the_parent)
util.register_after_fork(_HOOK, _wait_when_a_child_ends)
_wait_when_a_child_ends(_HOOK)


def _events(count: int, one: str, more: str) -> str:
    return f"1 event {one}" if count == 1 else f"{count:,} events {more}"
