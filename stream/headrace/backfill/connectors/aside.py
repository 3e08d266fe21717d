"""Rows read by a thread of their own, so that whoever waits for a row hears of it and can be told to stop."""

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
LOOK_SECONDS: Final = 0.2  # between two looks at whether to stop
_END: Final = object()


class StoppedError(HeadraceError, error_code="HR-607", exit_code=Exit.BUG):
    """The wait for a row was ended from outside."""


def until_stopped(rows: Iterable[Any], stop: threading.Event, place: str) -> Iterator[Any]:
    """Give *rows*, which a thread reads ahead, until *stop* is set.

    A database or an API may take minutes for a row, and nothing interrupts its client. The thread is left behind then
    and ends with the process. When a row takes long to come, a sentence names *place*.

    Raises:
        StoppedError: *stop* was set.
        Exception: whatever *rows* raises.
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
    since, told = time.monotonic(), False
    while not stop.is_set():
        with suppress(Empty):
            return given.get(timeout=LOOK_SECONDS)
        if not told and time.monotonic() - since > NOTICE_SECONDS:
            say(f"waiting for {place} ...")
            told = True
    raise StoppedError


def _read(rows: Iterable[Any], given: Queue[tuple[Any, BaseException | None]], left: threading.Event) -> None:
    try:
        for row in rows:
            if not _put(given, (row, None), left):
                return
    except BaseException as error:  # raised again where the rows are taken
        _put(given, (_END, error), left)
    else:
        _put(given, (_END, None), left)


def _put(given: Queue[tuple[Any, BaseException | None]], item: tuple[Any, BaseException | None], left: Any) -> bool:
    while not left.is_set():
        with suppress(Full):
            given.put(item, timeout=LOOK_SECONDS)
            return True
    return False
