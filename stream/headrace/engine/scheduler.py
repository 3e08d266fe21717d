"""A scheduler that runs many tasks on few threads. A task that has nothing to do occupies no thread.

A task is a generator. It works, and waits for answers, like any function. When it has nothing to do, it yields the most
seconds to wait: 0.0 to let others run first, None to wait until somebody wakes it. asyncio has the queue and the
timers; the threads that do the work are AnyIO's. ::

    with Scheduler("subject", at_once=2) as scheduler: ...
    a    |-- works --| yields               woken |- works -| ...
    b      |--- works ---| yields 0.0     |- works -| ...
    c                    |-- works --| ...              (it was ready, and waited for its turn)

Only one thread at a time works for a task, so a task needs no locks for values that only it uses.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Final, Self

from anyio import CapacityLimiter, move_on_after, to_thread
from anyio.from_thread import start_blocking_portal

from headrace.engine.task_steps import Steps, Wake

_OVER: Final = -1.0


class Scheduler:
    """A scheduler that runs tasks in the order in which they become ready, *at_once* at the same time. Thread-safe.

    It is a context manager. Its end waits for the turns in progress, and gives unfinished tasks no further turn.
    """

    def __init__(self, name: str, at_once: int) -> None:
        self._name = name
        self._turns = asyncio.Semaphore(at_once)
        self._threads = CapacityLimiter(math.inf)  # turns are limited instead; a task that made room keeps its thread
        self._mine = threading.local()  # the current turn of each thread
        self._tasks: dict[Future[None], asyncio.Event] = {}  # unfinished tasks, and the events that wake them
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
        """Begin a task; return the function that wakes it, which is also the argument of *steps*.

        Any thread may call this function at any time. It has no effect after the end of the task.
        """
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
        """Wait at most *seconds* until every task has ended; return whether they have. Raise the error of a task."""
        with self._ended:
            are_over = self._ended.wait_for(lambda: not self._tasks, seconds)
        if self._failure is not None:
            raise self._failure
        return are_over

    def make_room(self) -> None:
        """Let another task run while the task that calls this waits for a long time.

        The caller continues later without another turn, so more than *at_once* tasks may run for a while.
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
        """Wait for a turn, and run the task; return the seconds to wait before the next turn."""
        await self._turns.acquire()  # first come, first served
        turn = _Turn(self._turns)
        woken.clear()  # this turn may miss events from now on, so they must wake the task again
        try:
            return await to_thread.run_sync(self._work, steps, turn, limiter=self._threads)
        finally:
            turn.end()

    def _work(self, steps: Steps[None], turn: _Turn) -> float | None:
        self._mine.turn = turn
        return next(steps, _OVER)


class _Turn:
    """One of the turns that are possible at the same time. It may end while its task still runs."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self._is_over = False

    def end(self) -> None:
        """Give the turn to the next task. Call this in the loop's thread."""
        if not self._is_over:
            self._is_over = True
            self._turns.release()
