"""Messages that one request publishes, and the future of each.

The futures of a batch share one condition: a condition for each would cost more than everything else in a publish.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headrace.producers.transport.lane import Lane

_RUNNING: Final = "RUNNING"  # the states are those of the standard library's futures
_FINISHED: Final = "FINISHED"

_log = logging.getLogger(__name__)


class SharedCondition:
    """Condition of a batch, and its *lock*. A signal may leave ``with condition`` locked, which is Python's code."""

    __slots__ = ("lock", "notify_all", "wait_for")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        condition = threading.Condition(self.lock)
        self.notify_all, self.wait_for = condition.notify_all, condition.wait_for


class Confirmation(Future[str]):
    """Future of one message: gives Pub/Sub's message id, or raises. It cannot be cancelled: the message may be sent.

    It sets what ``Future.__init__`` sets, except that it shares the condition *settled* with its batch.
    ``concurrent.futures.wait`` and ``as_completed`` hold the conditions of all their futures at once, in the order of
    the futures, so two of them would deadlock on shared ones. For them, a future gets a condition of its own when they
    ask for it. Whoever holds that may take the shared one, never the other way round.
    """

    _done_callbacks: list[Callable[[Future[str]], object]]
    _result: str | None
    _exception: BaseException | None

    def __init__(self, settled: SharedCondition) -> None:
        self._settled = settled
        self._own: threading.Condition | None = None
        self._state = _RUNNING
        self._result = None
        self._exception = None
        self._waiters = []
        self._done_callbacks = []

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]  # the standard library only reads it
        with self._settled.lock:
            if self._own is None:
                self._own = threading.Condition()
            return self._own

    def done(self) -> bool:
        """Return whether the outcome is known."""
        return self._state is _FINISHED

    def running(self) -> bool:
        """Return whether the outcome is not known yet."""
        return self._state is _RUNNING

    def cancelled(self) -> bool:
        """Return False."""
        return False

    def cancel(self) -> bool:
        """Change nothing, and return False."""
        return False

    def result(self, timeout: float | None = None) -> str:
        """Return the message's id; raises TimeoutError after *timeout* seconds."""
        error = self.exception(timeout)
        if error is None:
            message_id = str(self._result)
            return message_id
        try:
            raise error
        finally:
            del self, error  # else the error would hold, by its traceback, what holds it

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the error that made publishing fail, or None; raises TimeoutError after *timeout* seconds."""
        if self._state is not _FINISHED:
            with self._settled.lock:  # it also reports the messages beside this one
                if not self._settled.wait_for(self.done, timeout):
                    raise TimeoutError
        return self._exception

    def add_done_callback(self, fn: Callable[[Future[str]], object]) -> None:
        """Call *fn* with this future once the outcome is known, or at once. An error that it raises is logged."""
        with self._settled.lock:
            if self._state is not _FINISHED:
                self._done_callbacks.append(fn)
                return
        try:
            fn(self)
        except Exception:  # of the application
            _log.exception("a function that a future calls has raised an error")

    def settle(self, message_id: str | None, error: BaseException | None) -> bool:
        """Set the outcome, and return True; False if the standard library waits for it: call :meth:`settle_watched`.

        The caller holds the shared condition, notifies it, and then calls :meth:`run_callbacks` without it.
        """
        if self._own is not None:
            return False
        self._result, self._exception, self._state = message_id, error, _FINISHED
        return True

    def settle_watched(self, message_id: str | None, error: BaseException | None) -> None:
        """Set the outcome for the standard library's waiters too. The caller does not hold the shared condition."""
        with self._condition:
            with self._settled.lock:
                self._result, self._exception, self._state = message_id, error, _FINISHED
                self._settled.notify_all()
            for waiter in self._waiters:
                if error is None:
                    waiter.add_result(self)
                else:
                    waiter.add_exception(self)
            self._condition.notify_all()

    def run_callbacks(self) -> None:
        """Call the functions that wait for the outcome. What they raise is logged, even what ends a thread.

        The thread is not theirs: it settles the futures of others.
        """
        for function in self._done_callbacks:
            try:
                function(self)
            except BaseException:  # of the application
                _log.exception("a function that a future calls has raised an error")


class Batch:
    """Messages as parts of a serialized request, in order, with their futures. It is not thread-safe."""

    __slots__ = ("__weakref__", "_condition", "confirmations", "is_over", "lane", "parts", "size", "started", "tries")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.parts: list[bytes] = []
        self.confirmations: list[Confirmation] = []
        self.size = 0  # of the parts, in bytes
        self.tries = 0
        self.is_over = False  # settled or split
        self.started: float | None = None  # when it was first sent, on the monotonic clock
        self._condition = SharedCondition()

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
        """Give each message the id that the service gave it. The caller calls :meth:`run_callbacks` next."""
        self._settle(zip(self.confirmations, message_ids, strict=True), None)

    def fail(self, error: BaseException) -> None:
        """Make every future raise *error*. The caller calls :meth:`run_callbacks` next."""
        self._settle(((each, None) for each in self.confirmations), error)

    def run_callbacks(self) -> None:
        """Call the functions that wait for outcomes."""
        for confirmation in self.confirmations:
            confirmation.run_callbacks()

    def _settle(self, outcomes: Iterable[tuple[Confirmation, str | None]], error: BaseException | None) -> None:
        watched = []
        with self._condition.lock:
            for confirmation, message_id in outcomes:
                if not confirmation.settle(message_id, error):
                    watched.append((confirmation, message_id))
            self._condition.notify_all()
        for confirmation, message_id in watched:
            confirmation.settle_watched(message_id, error)

    def _part(self, start: int, end: int) -> Batch:
        part = Batch(self.lane)
        part.parts, part.confirmations = self.parts[start:end], self.confirmations[start:end]
        part.size = sum(map(len, part.parts))
        part._condition = self._condition
        return part
