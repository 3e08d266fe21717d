"""Messages that were pulled in advance and wait for a round."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from headrace.engine.batch_sizing import LINGER_SECONDS, ArrivalRate, batch_size
from headrace.engine.pulled import Pulled

WAITING_MESSAGES: Final = 5_000  # a full round, while the previous one is processed
WAITING_BYTES: Final = 32 * 1024 * 1024


class PullBuffer:
    """Pulls in the order of their arrival; the length is the number of their messages. The caller holds a lock."""

    def __init__(self) -> None:
        self._waiting: deque[Pulled] = deque()
        self.since = 0.0  # when the first of them arrived, in monotonic seconds
        self.arrivals = ArrivalRate()

    def __len__(self) -> int:
        return sum(len(pulled.messages) for pulled in self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether more messages may be pulled."""
        return len(self) < WAITING_MESSAGES and sum(pulled.bytes for pulled in self._waiting) < WAITING_BYTES

    def add(self, pulled: Pulled) -> None:
        """Add *pulled* to the messages that wait."""
        self.since = self.since if self._waiting else time.monotonic()
        self._waiting.append(pulled)

    def enough(self, at_most: int) -> int:
        """Return the number of messages that are enough for a round."""
        return batch_size(self.arrivals.rate(time.monotonic()), at_most)

    def linger_left(self) -> float:
        """Return the seconds for which the first message may still wait for others."""
        return self.since + LINGER_SECONDS - time.monotonic()

    def take(self, at_most: int) -> list[Pulled]:
        """Remove and return up to *at_most* messages, but at least one pull."""
        taken: list[Pulled] = []
        count = 0
        while self._waiting and (not taken or count + len(self._waiting[0].messages) <= at_most):
            taken.append(self._waiting.popleft())
            count += len(taken[-1].messages)
        self.since = time.monotonic()
        self.arrivals.note(self.since, count)
        return taken

    def take_enough(
        self,
        at_most: int,
        wait_seconds: float | None,
        changed: threading.Condition,
        failure: Callable[[], BaseException | None],
    ) -> list[Pulled]:
        """Take messages, up to about *at_most*; wait up to *wait_seconds* for the first, on *changed*.

        The faster messages come, the more are taken together: the first waits a short time for others. With None
        this does not wait, and returns nothing while there are few. Raises the error that *failure* returns.
        """
        if wait_seconds:
            changed.wait_for(lambda: self._waiting or failure(), wait_seconds)
        enough, left = self.enough(at_most), self.linger_left()
        if wait_seconds is not None and self._waiting:
            changed.wait_for(lambda: len(self) >= enough or failure(), left)
        if (error := failure()) is not None:
            raise error
        too_few = wait_seconds is None and left > 0 and len(self) < enough
        return [] if too_few or not self._waiting else self.take(at_most)

    def clear(self) -> None:
        """Remove all messages that wait."""
        self._waiting.clear()
