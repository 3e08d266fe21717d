"""Runs many tasks on few threads: a task that has nothing to do holds no thread.

A task is a generator. It works, and waits for answers, as any function does. When it has nothing to do, it yields the
most seconds to wait: 0.0 to let others go first, None to wait until somebody wakes it. asyncio keeps the order and the
timers; the threads that do the work are AnyIO's. ::

    with Scheduler("subject", at_once=2) as scheduler: ...
    a    |-- works --| yields               woken |- works -| ...
    b      |--- works ---| yields 0.0     |- works -| ...
    c                    |-- works --| ...              (it was ready, and waited for its turn)

One thread at a time works for a task, so a task needs no locks for what it alone uses.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Final, Self, TypeAlias, TypeVar

from anyio import CapacityLimiter, move_on_after, to_thread
from anyio.from_thread import start_blocking_portal

T = TypeVar("T")
Steps: TypeAlias = Generator[float | None, None, T]
Wake: TypeAlias = Callable[[], None]

_OVER: Final = -1.0


def pausing(seconds: float, stop: threading.Event) -> Steps[bool]:
    """Let so many seconds pass, or fewer when *stop* is set, however often the task is woken; return whether it is."""
    until = time.monotonic() + seconds
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        yield left
    return stop.is_set()


class Scheduler:
    """Runs tasks in the order in which they become ready, *at_once* of them at the same moment. Thread-safe.

    A context manager: leaving it waits for what is being done, and gives tasks that are not over no further turn.
    """

    def __init__(self, name: str, at_once: int) -> None:
        self._name = name
        self._turns = asyncio.Semaphore(at_once)
        self._threads = CapacityLimiter(math.inf)  # turns are what is limited; a task that made room keeps its thread
        self._mine = threading.local()  # the turn that a thread is taking
        self._tasks: dict[Future[None], asyncio.Event] = {}  # that are not over, and what wakes them
        self._ended = threading.Condition()
        self._failure: BaseException | None = None
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        self._portal = self._exits.enter_context(start_blocking_portal("asyncio", name=self._name))
        self._loop = self._portal.call(asyncio.get_running_loop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._portal.call(self._portal.stop, True)
        self._exits.close()

    def spawn(self, steps: Callable[[Wake], Steps[None]]) -> Wake:
        """Begin a task, and return what wakes it, which *steps* is given as well. Any thread may wake it at any time,
        and nothing happens when it is over."""
        woken = asyncio.Event()

        def wake() -> None:
            self._call(woken.set)

        task = self._portal.start_task_soon(self._run, steps(wake), woken)
        self._tasks[task] = woken
        task.add_done_callback(self._end)
        return wake

    def wake_all(self) -> None:
        """Wake every task."""
        for woken in list(self._tasks.values()):
            self._call(woken.set)

    def wait(self, seconds: float) -> bool:
        """Wait until every task is over, so long at most; return whether that is so. Raises what a task raised."""
        with self._ended:
            are_over = self._ended.wait_for(lambda: not self._tasks, seconds)
        if self._failure is not None:
            raise self._failure
        return are_over

    def make_room(self) -> None:
        """Let another task work meanwhile: the task whose thread calls this is about to wait for long.

        It goes on without asking for a turn, so more than *at_once* may work for a while.
        """
        turn: _Turn = self._mine.turn
        self._call(turn.end)

    def _end(self, task: Future[None]) -> None:
        with self._ended:
            del self._tasks[task]
            if not task.cancelled():
                self._failure = self._failure or task.exception()
            self._ended.notify_all()

    def _call(self, function: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(function)

    async def _run(self, steps: Steps[None], woken: asyncio.Event) -> None:
        while (wait := await self._take_turn(steps, woken)) != _OVER:
            if wait != 0.0:
                with move_on_after(wait):
                    await woken.wait()

    async def _take_turn(self, steps: Steps[None], woken: asyncio.Event) -> float | None:
        """Wait for a turn, and work; how long to wait for the next."""
        await self._turns.acquire()  # first come, first served
        turn = _Turn(self._turns)
        woken.clear()  # what comes from now on may come too late for this turn to see
        try:
            return await to_thread.run_sync(self._work, steps, turn, limiter=self._threads)
        finally:
            turn.end()

    def _work(self, steps: Steps[None], turn: _Turn) -> float | None:
        self._mine.turn = turn
        return next(steps, _OVER)


class _Turn:
    """One of the turns that may be taken at once; it may end before its task has nothing more to do."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self._is_over = False

    def end(self) -> None:
        """Let the next task have it; the loop's thread calls this."""
        if not self._is_over:
            self._is_over = True
            self._turns.release()
