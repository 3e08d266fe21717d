"""Calls that wait for something to happen."""

from __future__ import annotations

import asyncio


class Waiters:
    """Coroutines that wait until they are notified, or for a time."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Wake all that wait."""
        waiting, self._waiting = self._waiting, set()
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Wait until notified, for at most *seconds*."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait([waiter], timeout=seconds)
        finally:
            self._waiting.discard(waiter)
            waiter.cancel()
