"""Numbers for the events of a producer, so that the audit finds events that never reached Pub/Sub."""

from __future__ import annotations

import itertools
import os
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final

from headrace.schemas.sequence import DIGITS, FIRST, new_epoch, prefix_of

_CHANCE_BYTES: Final = 4


class EventNumbers:
    """Numbers the events of each subject from 1 on, without a gap, in an epoch of its own. Thread-safe.

    An epoch begins with the first event of a subject, and a forked child begins new ones. *millis* returns the time in
    milliseconds since 1970, *random* so many random bytes.
    """

    def __init__(
        self,
        millis: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._millis = millis
        self._random = random
        self._start_afresh()
        _all.add(self)

    def take(self, subject: str) -> str:
        """Return the value of ``ce-sequence`` for the next event of *subject*."""
        epoch = self._epochs.get(subject)
        if epoch is None:  # of two threads that come here at once, both use the epoch of the first
            epoch = self._epochs.setdefault(subject, _Epoch(self._new_epoch()))
        return epoch.take()

    def give_back(self, subject: str, taken: str) -> None:
        """Give *taken* to a later event, because the event that had it was not accepted."""
        epoch = self._epochs.get(subject)
        if epoch is not None and taken.startswith(epoch.prefix):
            epoch.unused.append(taken)

    def _new_epoch(self) -> str:
        return new_epoch(self._millis(), int.from_bytes(self._random(_CHANCE_BYTES), "big"))

    def _start_afresh(self) -> None:
        self._epochs: dict[str, _Epoch] = {}


class _Epoch:
    """Numbers of one subject, as values of the attribute. Both of its operations are atomic without a lock."""

    def __init__(self, name: str) -> None:
        self.prefix = prefix_of(name)
        self.unused: deque[str] = deque()
        self._next = itertools.count(FIRST).__next__

    def take(self) -> str:
        if self.unused:
            try:
                return self.unused.popleft()
            except IndexError:
                pass  # another thread took it
        return f"{self.prefix}{self._next():0{DIGITS}}"


_all: weakref.WeakSet[EventNumbers] = weakref.WeakSet()


def _start_afresh_in_the_child() -> None:
    for numbers in list(_all):
        numbers._start_afresh()


os.register_at_fork(after_in_child=_start_afresh_in_the_child)
