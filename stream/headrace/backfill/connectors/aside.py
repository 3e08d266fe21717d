"""Reader of rows in a thread of its own, so that waiting for a row can be reported and stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Any, Final

from headrace.errors import Exit, HeadraceError
from headrace.runtime.reachability import NOTICE_SECONDS
from headrace.util.output import say

ROWS_AHEAD: Final = 1_000
LOOK_SECONDS: Final = 0.2  # between two checks of the stop event
_END: Final = object()


class StoppedError(HeadraceError, error_code="HR-607", exit_code=Exit.BUG):
    """The wait for a row was stopped."""


def until_stopped(rows: Iterable[Any], stop: threading.Event, place: str) -> Iterator[Any]:
    """Yield *rows*, which a thread reads ahead, until *stop* is set.

    A database or an API may take minutes for a row, and its client cannot be interrupted. After a stop, the thread is
    left running and ends with the process. If a row takes long, a notice names *place*.

    Raises:
        StoppedError: *stop* was set.
        Exception: an error of *rows*.
    """
    given: Queue[tuple[Any, BaseException | None]] = Queue(ROWS_AHEAD)
    left = threading.Event()
    threading.Thread(target=_read, args=(rows, given, left), name="rows", daemon=True).start()
    try:
        while True:
            row, error = _wait(given, stop, place)
            if error is not None:
                raise error
            if row is _END:
                return
            yield row
    finally:
        left.set()


def _wait(given: Queue[tuple[Any, BaseException | None]], stop: threading.Event, place: str) -> Any:
    since, noticed = time.monotonic(), False
    while not stop.is_set():
        with suppress(Empty):
            return given.get(timeout=LOOK_SECONDS)
        if not noticed and time.monotonic() - since > NOTICE_SECONDS:
            say(f"waiting for {place} ...")
            noticed = True
    raise StoppedError


def _read(rows: Iterable[Any], given: Queue[tuple[Any, BaseException | None]], left: threading.Event) -> None:
    try:
        for row in rows:
            if not _put(given, (row, None), left):
                return
    except BaseException as error:  # raised again in the thread that takes the rows
        _put(given, (_END, error), left)
    else:
        _put(given, (_END, None), left)


def _put(given: Queue[tuple[Any, BaseException | None]], item: tuple[Any, BaseException | None], left: Any) -> bool:
    while not left.is_set():
        with suppress(Full):
            given.put(item, timeout=LOOK_SECONDS)
            return True
    return False
