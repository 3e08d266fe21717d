"""Messages that one request publishes, and the future of each.

The futures of a batch share one condition: a condition for each would cost more than everything else in a publish.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from headrace.producers.transport.lane import Lane

_RUNNING: Final = "RUNNING"  # the states are those of the standard library's futures
_FINISHED: Final = "FINISHED"


class Confirmation(Future[str]):
    """Future of one message: gives Pub/Sub's message id, or raises. It cannot be cancelled: the message may be sent.

    It sets what ``Future.__init__`` sets, except that it takes its batch's *condition*.
    """

    _done_callbacks: list[Callable[[Future[str]], object]]

    def __init__(self, condition: threading.Condition) -> None:
        self._condition = condition
        self._state = _RUNNING
        self._result = None
        self._exception = None
        self._waiters = []
        self._done_callbacks = []

    def result(self, timeout: float | None = None) -> str:
        """Return the message's id; raises TimeoutError after *timeout* seconds."""
        self._wait(timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the error that made publishing fail, or None; raises TimeoutError after *timeout* seconds."""
        if self._state is _FINISHED:
            return self._exception
        self._wait(timeout)
        return super().exception(0)

    def _wait(self, timeout: float | None) -> None:
        """Wait for this message: the condition also reports those beside it."""
        if self._state is not _FINISHED:
            with self._condition:
                self._condition.wait_for(self.done, timeout)

    def settle(self, message_id: str | None, error: BaseException | None) -> None:
        """Set the outcome. The caller holds the condition, and then calls :meth:`run_callbacks` without it."""
        self._result, self._exception, self._state = message_id, error, _FINISHED
        for waiter in self._waiters:
            if error is None:
                waiter.add_result(self)
            else:
                waiter.add_exception(self)

    def run_callbacks(self) -> None:
        """Call the functions that wait for the outcome."""
        if self._done_callbacks:
            invoke: Any = self._invoke_callbacks  # type: ignore[attr-defined]  # of the standard library
            invoke()


class Batch:
    """Messages as parts of a serialized request, in order, with their futures. It is not thread-safe."""

    __slots__ = ("_condition", "confirmations", "lane", "parts", "size", "started", "tries")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.parts: list[bytes] = []
        self.confirmations: list[Confirmation] = []
        self.size = 0  # of the parts, in bytes
        self.tries = 0
        self.started: float | None = None  # when it was first sent, on the monotonic clock
        self._condition = threading.Condition()

    def __len__(self) -> int:
        return len(self.parts)

    def add(self, part: bytes) -> Confirmation:
        """Append a message; returns its future."""
        confirmation = Confirmation(self._condition)
        self.parts.append(part)
        self.confirmations.append(confirmation)
        self.size += len(part)
        return confirmation

    def halves(self) -> tuple[Batch, Batch]:
        """Return its messages as two batches, in order, each to be sent for the first time."""
        middle = len(self) // 2
        return self._part(0, middle), self._part(middle, len(self))

    def confirm(self, message_ids: Sequence[str]) -> None:
        """Give each message the id that the service gave it."""
        with self._condition:
            for confirmation, message_id in zip(self.confirmations, message_ids, strict=True):
                confirmation.settle(message_id, None)
            self._condition.notify_all()
        self._run_callbacks()

    def fail(self, error: BaseException) -> None:
        """Make every future raise *error*."""
        with self._condition:
            for confirmation in self.confirmations:
                confirmation.settle(None, error)
            self._condition.notify_all()
        self._run_callbacks()

    def _run_callbacks(self) -> None:
        for confirmation in self.confirmations:
            confirmation.run_callbacks()

    def _part(self, start: int, end: int) -> Batch:
        part = Batch(self.lane)
        part.parts, part.confirmations = self.parts[start:end], self.confirmations[start:end]
        part.size = sum(map(len, part.parts))
        part._condition = self._condition
        return part
