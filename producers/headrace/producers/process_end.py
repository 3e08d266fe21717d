"""Events that are not confirmed when the process ends: it waits for them, by the hooks of this module."""

from __future__ import annotations

import atexit
import logging
import os
import time
from multiprocessing import util
from typing import Final, Protocol

from headrace.errors import HeadraceError

FLUSH_SECONDS: Final = 60.0

_log = logging.getLogger(__name__)


class Waiter(Protocol):
    """Something with events that are not confirmed yet."""

    def wait(self, timeout: float | None) -> None:
        """Wait until they are confirmed. Raises TimeoutError or HeadraceError, whose text is logged."""


def wait_for(waiter: Waiter) -> None:
    """Wait for the events of *waiter* when the process ends, unless :func:`is_finished` is called before."""
    _unfinished.add(waiter)


def is_finished(waiter: Waiter) -> None:
    """Do not wait for *waiter* when the process ends."""
    _unfinished.discard(waiter)


def has_waited() -> bool:
    """Whether the hook has run, so that nothing waits for what comes now."""
    return _process.has_waited


def wait() -> None:
    """Wait at most a minute for the unconfirmed events of every producer of this process, and log losses."""
    _process.has_waited = True
    deadline = time.monotonic() + FLUSH_SECONDS
    unfinished = list(_unfinished)
    _unfinished.clear()  # only once: two of the hooks below run when a process ends
    for waiter in unfinished:
        try:
            waiter.wait(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, HeadraceError) as error:
            _log.error("at exit: %s", error)


class _Process:
    """State of this process."""

    has_waited = False


_process: Final = _Process()
_unfinished: set[Waiter] = set()  # strong references: events are waited for even after their producer is collected


def _leave_to_the_parent() -> None:
    """Wait in a forked child for its own events alone."""
    _unfinished.clear()
    _process.has_waited = False


class _Hook:
    """Object of which multiprocessing can hold a weak reference."""


def _wait_when_a_child_ends(_: object) -> None:
    """Wait also when a multiprocessing child ends: it calls ``os._exit``, which skips atexit but runs finalizers."""
    util.Finalize(None, wait, exitpriority=100)


_HOOK: Final = _Hook()
atexit.register(wait)
os.register_at_fork(after_in_child=_leave_to_the_parent)
util.register_after_fork(_HOOK, _wait_when_a_child_ends)
_wait_when_a_child_ends(_HOOK)
