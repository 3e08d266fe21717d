"""Waiting until what is in the way is mended: who needs what is said once, and tried again with growing pauses."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from google.api_core.exceptions import (
    Cancelled,
    Conflict,
    Forbidden,
    GatewayTimeout,
    NotFound,
    RetryError,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import Timeout

from headrace.engine.journal import DiskFullError
from headrace.engine.scheduler import Steps, pausing
from headrace.engine.status import SubjectStatus
from headrace.errors import Exit, HeadraceError
from headrace.runtime.call_failures import in_words, plain

FIRST_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 15.0
NEEDS_ROOM: Final = "the journal's disk needs room"
TROUBLE: Final = (
    Cancelled,
    Conflict,
    NotFound,
    Forbidden,
    Unauthorized,
    TooManyRequests,
    ServerError,
    GatewayTimeout,
    RetryError,
    GoogleAuthError,
    RequestsConnectionError,
    Timeout,
    TimeoutError,
    DiskFullError,
)
_LOG = structlog.get_logger("headrace")
T = TypeVar("T")


class StoppedError(HeadraceError, error_code="HR-511", exit_code=Exit.BUG):
    """The engine was told to stop while something was in the way; nothing was acknowledged."""


class Patience:
    """Insists on what must succeed before one part (*where*) of a subject goes on, until *stop* is set.

    A thread that waits calls *make_room* before: others may work meanwhile. The methods that are steps keep no thread
    while they wait.
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
        self._pause = FIRST_SECONDS

    def insist(self, need: str, attempt: Callable[[], T]) -> T:
        """Try *attempt* until it succeeds; *need* says whom to ask for what when it does not.

        Raises:
            StoppedError: the engine was told to stop first.
        """
        while True:
            try:
                done = attempt()
            except TROUBLE as error:
                _LOG.debug("trouble", subject=self._status.subject, error=type(error).__name__)
                self.wait(in_words(error, need))
            else:
                self.mended()
                return done

    def insisting(self, need: str, attempt: Callable[[], T]) -> Steps[T]:
        """Insist, as steps."""
        while True:
            try:
                done = attempt()
            except TROUBLE as error:
                yield from self.waiting(error, need)
            else:
                self.mended()
                return done

    def wait(self, sentence: str) -> None:
        """Say what is in the way, when that is news, and wait before the next try; StoppedError when told to stop."""
        pause = self._say(sentence)
        self._make_room()
        if self._stop.wait(pause):
            raise StoppedError(sentence)

    def waiting(self, error: BaseException, need: str) -> Steps[None]:
        """Say that *error* is in the way and wait, as steps."""
        _LOG.debug("trouble", subject=self._status.subject, error=type(error).__name__)
        yield from self.waiting_for(in_words(error, need))

    def waiting_for(self, sentence: str) -> Steps[None]:
        """Say what is in the way and wait, as steps."""
        if (yield from pausing(self._say(sentence), self._stop)):
            raise StoppedError(sentence)

    def _say(self, sentence: str) -> float:
        """Say what is in the way; how long to wait before the next try."""
        sentence = plain(sentence)
        if self._status.block(self._where, sentence):
            _LOG.warning("blocked", subject=self._status.subject, needs=sentence)
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_SECONDS)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 not a secret

    def mended(self) -> None:
        """Go on: nothing is in the way."""
        self._pause = FIRST_SECONDS
        if self._status.unblock(self._where):
            _LOG.info("mended", subject=self._status.subject)
