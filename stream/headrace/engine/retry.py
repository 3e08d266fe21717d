"""Retries of the calls of one part of a subject, with growing pauses. Status and log report what the subject needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from headrace.engine.status import SubjectStatus
from headrace.engine.task_steps import Steps, pausing
from headrace.errors import Exit, HeadraceError
from headrace.runtime.call_failures import in_words, plain
from headrace.runtime.retry_policy import RETRYABLE, Backoff

NEEDS_ROOM: Final = "the journal's disk needs room"
_LOG = structlog.get_logger("headrace")
T = TypeVar("T")


class StoppedError(HeadraceError, error_code="HR-511", exit_code=Exit.BUG):
    """The engine was stopped while a call was being retried; nothing was acknowledged."""


class RetryPolicy:
    """The retries of calls on which one part (*where*) of a subject depends, until they succeed or *stop* is set.

    Errors and pauses are those of ``headrace.runtime.retry_policy``. A thread calls *make_room* before it waits, so
    that other tasks can run. The methods named ``as_steps`` occupy no thread while they wait.
    """

    def __init__(
        self,
        where: str,
        status: SubjectStatus,
        stop: threading.Event,
        make_room: Callable[[], None] = lambda: None,
    ) -> None:
        self._where = where
        self._status = status
        self._stop = stop
        self._make_room = make_room
        self._backoff = Backoff()

    def call(self, need: str, attempt: Callable[[], T]) -> T:
        """Call *attempt* until it succeeds, and return its result; report *need*, with its remedy, if it fails.

        Raises:
            StoppedError: the engine was stopped first.
        """
        while True:
            try:
                done = attempt()
            except RETRYABLE as error:
                _LOG.debug("call_failed", subject=self._status.subject, error=type(error).__name__)
                self.wait(in_words(error, need))
            else:
                self.recovered()
                return done

    def call_as_steps(self, need: str, attempt: Callable[[], T]) -> Steps[T]:
        """Do the same as :meth:`call`, as steps."""
        while True:
            try:
                done = attempt()
            except RETRYABLE as error:
                yield from self.wait_after_as_steps(error, need)
            else:
                self.recovered()
                return done

    def wait(self, sentence: str) -> None:
        """Report *sentence* if it is new, and wait before the next attempt. Raises StoppedError if the engine stops."""
        pause = self._report(sentence)
        self._make_room()
        if self._stop.wait(pause):
            raise StoppedError(sentence)

    def wait_after_as_steps(self, error: BaseException, need: str) -> Steps[None]:
        """Report *error* and wait, as steps."""
        _LOG.debug("call_failed", subject=self._status.subject, error=type(error).__name__)
        yield from self.wait_as_steps(in_words(error, need))

    def wait_as_steps(self, sentence: str) -> Steps[None]:
        """Report *sentence* and wait, as steps."""
        if (yield from pausing(self._report(sentence), self._stop)):
            raise StoppedError(sentence)

    def _report(self, sentence: str) -> float:
        """Report a problem; return the seconds to wait before the next attempt."""
        sentence = plain(sentence)
        if self._status.block(self._where, sentence):
            _LOG.warning("blocked", subject=self._status.subject, needs=sentence)
        return next(self._backoff)

    def recovered(self) -> None:
        """Reset the pauses, and report that the problem is solved."""
        self._backoff.reset()
        if self._status.unblock(self._where):
            _LOG.info("recovered", subject=self._status.subject)
