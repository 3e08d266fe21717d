"""SIGTERM and Ctrl-C as a request to end a command that goes on until then."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Protocol

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class End(Protocol):
    """Request to end."""

    def has_come(self) -> bool:
        """Whether it has come."""

    def wait(self, seconds: float) -> None:
        """Wait for it, at most so many *seconds*."""


class _SignalEnd:
    """A signal, told through a pipe: a handler may not take a lock, and ``time.sleep`` goes on after a handler."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def has_come(self) -> bool:
        return bool(select.select([self._pipe], [], [], 0)[0])

    def wait(self, seconds: float) -> None:
        select.select([self._pipe], [], [], seconds)


@contextmanager
def end_signals() -> Iterator[End]:
    """Give the end that the first SIGTERM or Ctrl-C brings; the second one acts as before. For the main thread."""
    reading, writing = os.pipe()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        os.write(writing, b"!")
        restore()

    for number in _SIGNALS:
        signal.signal(number, handle)
    try:
        yield _SignalEnd(reading)
    finally:
        restore()
        os.close(reading)
        os.close(writing)
