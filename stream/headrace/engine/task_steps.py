"""The steps of a task, which :mod:`headrace.engine.scheduler` runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Steps: TypeAlias = Generator[float | None, None, T]
Wake: TypeAlias = Callable[[], None]


def pausing(seconds: float, stop: threading.Event) -> Steps[bool]:
    """Wait for *seconds*, even if the task is woken, or until *stop* is set; return whether *stop* is set."""
    until = time.monotonic() + seconds
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        yield left
    return stop.is_set()
