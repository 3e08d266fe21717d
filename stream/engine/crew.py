"""Many parts of an engine on few threads: a part that has nothing to do keeps no thread.

A part is a generator. It works, and waits for answers, as any function does; when it has nothing to do it yields for
how many seconds at most: 0.0 to let others go first, None until it is woken. Whoever has work for it wakes it. ::

    crew = Crew("subject", at_once=2)
    a    |-- works --| yields               woken |- works -| ...
    b      |--- works ---| yields 0.0     |- works -| ...
    c                    |-- works --| ...              (it was ready, and waited for a thread)

What a part has in hand while it yields stays as it is: only one thread at a time goes on with it.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")
Steps: TypeAlias = Generator[float | None, None, T]
Wake: TypeAlias = Callable[[], None]

RESTS_SECONDS: Final = 5.0  # a thread that was not needed for so long ends


def pausing(seconds: float, stop: threading.Event) -> Steps[bool]:
    """Let so many seconds pass, or fewer when *stop* is set, however often the part is woken; whether it is set."""
    until = time.monotonic() + seconds
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        yield left
    return stop.is_set()


class _State(Enum):
    READY = auto()
    WORKING = auto()
    WOKEN = auto()  # while it works: what woke it may have come too late for it to see
    WAITING = auto()
    OVER = auto()


class _Part:
    """One part; *turn* counts how often it has worked, so that an alarm of an earlier wait is known as such."""

    def __init__(self, steps: Callable[[Wake], Steps[None]], wake: Callable[[_Part], None]) -> None:
        self.steps = steps(lambda: wake(self))
        self.state = _State.READY
        self.turn = 0


class _Resting:
    """A thread that rests: it is given a part, or ends."""

    def __init__(self) -> None:
        self._given = threading.Event()
        self.part: _Part | None = None

    def give(self, part: _Part) -> None:
        self.part = part
        self._given.set()

    def rest(self) -> bool:
        return self._given.wait(RESTS_SECONDS)


class Crew:
    """Goes on with parts in the order in which they have something to do, *at_once* of them at the same moment.

    Threads are started as they are needed, and end. Thread-safe.
    """

    def __init__(self, name: str, at_once: int) -> None:
        self._name = name
        self._at_once = at_once
        self._lock = threading.Lock()
        self._alarm = threading.Condition(self._lock)
        self._over = threading.Condition(self._lock)
        self._parts: set[_Part] = set()
        self._ready: deque[_Part] = deque()
        self._alarms: list[tuple[float, int, _Part, int]] = []
        self._numbers = itertools.count()
        self._resting: list[_Resting] = []
        self._working = 0
        self._has_clock = False

    def begin(self, steps: Callable[[Wake], Steps[None]]) -> Wake:
        """Begin a part; *steps* is given what wakes it, which is returned as well, and may be called at any time."""
        part = _Part(steps, self._wake)
        with self._lock:
            self._parts.add(part)
            self._ready.append(part)
            self._staff()
        return lambda: self._wake(part)

    def wake_all(self) -> None:
        """Wake every part."""
        with self._lock:
            for part in self._parts:
                self._make_ready(part)
            self._staff()

    def wait(self, seconds: float) -> bool:
        """Wait until every part is over, so long at most; whether that is so."""
        with self._over:
            return self._over.wait_for(lambda: not self._parts, seconds)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """For the thread of a part that has to wait for long in the middle of its work: another one may work meanwhile.

        It waits for nobody when it comes back, so more than *at_once* may work for a while.
        """
        with self._lock:
            self._working -= 1
            self._staff()
        try:
            yield
        finally:
            with self._lock:
                self._working += 1

    def _wake(self, part: _Part) -> None:
        with self._lock:
            self._make_ready(part)
            self._staff()

    def _make_ready(self, part: _Part) -> None:
        if part.state is _State.WAITING:
            part.state = _State.READY
            self._ready.append(part)
        elif part.state is _State.WORKING:
            part.state = _State.WOKEN

    def _staff(self) -> None:
        """Give what is ready to threads, as far as that is allowed."""
        while (part := self._next()) is not None:
            if self._resting:
                self._resting.pop().give(part)
            else:
                threading.Thread(target=self._work, args=(part,), name=self._name, daemon=True).start()

    def _next(self) -> _Part | None:
        """The part to go on with; who takes it works."""
        if not self._ready or self._working >= self._at_once:
            return None
        self._working += 1
        part = self._ready.popleft()
        part.state = _State.WORKING
        part.turn += 1
        return part

    def _work(self, first: _Part) -> None:
        """Go on with one part after the other, until there is nothing to do for a while. An error of a part ends it,
        and this thread."""
        part: _Part | None = first
        while part is not None:
            try:
                wait = next(part.steps, _OVER)
            except BaseException:
                with self._lock:
                    self._put_back(part, _OVER)
                    self._staff()
                raise
            part = self._next_after(part, wait)

    def _next_after(self, part: _Part, wait: float | None) -> _Part | None:
        """What to go on with, now that *part* has nothing to do; rests until there is something."""
        with self._lock:
            self._put_back(part, wait)
            if (following := self._next()) is not None:
                return following
            resting = _Resting()
            self._resting.append(resting)
        if not resting.rest():
            with self._lock:
                if resting in self._resting:
                    self._resting.remove(resting)
        return resting.part

    def _put_back(self, part: _Part, wait: float | None) -> None:
        """Note that its thread works no more, and what *part* waits for."""
        self._working -= 1
        if wait == _OVER:
            part.state = _State.OVER
            self._parts.discard(part)
            if not self._parts:
                self._over.notify_all()
                self._alarm.notify_all()
        elif part.state is _State.WOKEN or wait == 0.0:
            part.state = _State.READY
            self._ready.append(part)
        else:
            part.state = _State.WAITING
            if wait is not None:
                self._set_alarm(part, wait)

    def _set_alarm(self, part: _Part, seconds: float) -> None:
        moment = time.monotonic() + seconds
        heapq.heappush(self._alarms, (moment, next(self._numbers), part, part.turn))
        if not self._has_clock:
            self._has_clock = True
            threading.Thread(target=self._watch_clock, name=f"{self._name}-clock", daemon=True).start()
        elif self._alarms[0][0] == moment:
            self._alarm.notify()

    def _watch_clock(self) -> None:
        """Wake the parts that have waited for so long as they said, as long as there are parts."""
        with self._alarm:
            while self._parts:
                now = time.monotonic()
                while self._alarms and self._alarms[0][0] <= now:
                    *_, part, turn = heapq.heappop(self._alarms)
                    if part.turn == turn:
                        self._make_ready(part)
                self._staff()
                self._alarm.wait(self._alarms[0][0] - now if self._alarms else None)
            self._has_clock = False
            self._alarms.clear()


_OVER: Final = -1.0
