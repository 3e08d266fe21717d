"""Futures of an event loop for futures that other threads settle: one wake-up of the loop for many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial


class LoopBridge:
    """Bridge from threads to *loop*. Its methods are called in the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._calls: deque[Callable[[], None]] = deque()
        self._is_awake = False
        self._unsettled: dict[Future[str], Callable[[], None]] = {}
        self._flushes: list[_Flush] = []

    def future(self, sent: Future[str], settled: Callable[[], None]) -> asyncio.Future[str]:
        """Return a future of the loop with the outcome of *sent*. *settled* is called in the loop before it has one."""
        own: asyncio.Future[str] = self.loop.create_future()
        self._unsettled[sent] = settled
        sent.add_done_callback(lambda _: self._call(partial(self._settle, own, sent)))
        return own

    def adopt(self, other: LoopBridge) -> None:
        """Take over the events of a bridge whose loop has ended."""
        unsettled, other._unsettled = other._unsettled, {}
        for sent, settled in unsettled.items():
            self.future(sent, settled)

    async def wait(self, timeout: float | None) -> Collection[Future[str]]:
        """Wait until all events so far are settled; returns those that are not after *timeout* seconds."""
        flush = _Flush(set(self._unsettled), self.loop.create_future())
        if flush.left:
            self._flushes.append(flush)
            try:
                await asyncio.wait([flush.done], timeout=timeout)
            finally:
                self._flushes.remove(flush)
        return flush.left

    def _settle(self, own: asyncio.Future[str], sent: Future[str]) -> None:
        if settled := self._unsettled.pop(sent, None):  # else another loop has taken it over
            settled()
        if not own.done():  # it may be cancelled
            _copy(sent, own)
        for flush in self._flushes:
            flush.settled(sent)

    def _call(self, call: Callable[[], None]) -> None:
        """Call *call* in the loop, soon. A closed loop is left alone: nothing waits in it."""
        self._calls.append(call)
        if not self._is_awake:
            self._is_awake = True
            try:
                self.loop.call_soon_threadsafe(self._call_all)
            except RuntimeError:
                if not self.loop.is_closed():
                    raise

    def _call_all(self) -> None:
        self._is_awake = False  # before the calls are taken: a later one wakes the loop again
        while self._calls:
            self._calls.popleft()()


@dataclass(frozen=True, slots=True)
class _Flush:
    """Events that a flush waits for."""

    left: set[Future[str]]
    done: asyncio.Future[None]

    def settled(self, sent: Future[str]) -> None:
        self.left.discard(sent)
        if not self.left and not self.done.done():
            self.done.set_result(None)


def _copy(sent: Future[str], own: asyncio.Future[str]) -> None:
    error = sent.exception()
    if error is None:
        own.set_result(sent.result())
    else:
        own.set_exception(error)
        own.exception()  # marks it as seen: flush reports failures, and not every future is awaited
