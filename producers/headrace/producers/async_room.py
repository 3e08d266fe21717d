"""Room for unconfirmed events, for which coroutines wait in order."""

from __future__ import annotations

import asyncio
from collections import deque

from headrace.producers.transport.limits import Limits, Room, check_size


class AsyncRoom:
    """The room of one producer. All calls are in the event loop."""

    def __init__(self, limits: Limits) -> None:
        self._room = Room(limits)
        self._most_bytes = limits.outstanding_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def try_take(self, size: int) -> bool:
        """Take room for a message of *size* bytes, if there is some and no one waits for it.

        Raises MessageTooLargeError if there never is.
        """
        check_size(size, self._most_bytes)
        if self._waiting or not self._room.fits(size):
            return False
        self._room.take(size)
        return True

    async def take(self, size: int) -> None:
        """Wait for room for a message of *size* bytes, and take it. If it is cancelled, nothing is taken."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except BaseException:  # it is cancelled, or its loop has ended
            if turn.done() and not turn.cancelled():  # it was given room in the same moment
                self.release(size)
            else:
                if (size, turn) in self._waiting:
                    self._waiting.remove((size, turn))
                self._admit()
            raise

    def release(self, size: int) -> None:
        """Give back the room of a message."""
        self._room.release(1, size)
        self._admit()

    def forget_waiters(self) -> None:
        """Forget the coroutines of another loop, which cannot be woken."""
        self._waiting.clear()

    def _admit(self) -> None:
        """Give room to those that wait, in their order."""
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.done():
                if not self._room.fits(size):
                    return
                self._room.take(size)
                turn.set_result(None)
            self._waiting.popleft()
