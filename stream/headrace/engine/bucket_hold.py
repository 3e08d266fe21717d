"""The hold of one subject whose payloads lie in a bucket that does not answer. Other subjects continue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from headrace.core.message import Message
from headrace.engine.hold_pauses import HoldPauses
from headrace.engine.prepare import Prepared
from headrace.engine.status import LARGE_EVENTS, SubjectStatus
from headrace.engine.task_steps import Steps
from headrace.runtime.bucket_objects import BucketUnreachableError

if TYPE_CHECKING:  # sources holds its preparers by this module
    from headrace.engine.sources import Preparer

_LOG = structlog.get_logger("headrace")


class HeldByBucket:
    """A preparer that hands messages back, and waits, while the bucket of their payloads does not answer."""

    def __init__(self, preparer: Preparer, subject: str, status: SubjectStatus, stop: threading.Event) -> None:
        self._preparer, self._subject, self._status, self._stop = preparer, subject, status, stop
        self._pauses = HoldPauses(stop)

    def prepare(self, messages: Sequence[Message], now: int) -> Prepared:
        """Decode, mask and window *messages*; *now* is in microseconds since 1970.

        Raises:
            BucketUnreachableError: the subject has to wait; nothing is published.
        """
        prepared = self._preparer.prepare(messages, now)
        if self._status.unblock(LARGE_EVENTS):
            _LOG.info("recovered", subject=self._subject)
        return prepared

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        """Serve until the engine stops."""
        return self._preparer.run(lambda: self._serve(serve))

    def _serve(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                yield from serve()
            except BucketUnreachableError as error:
                self._report(error)
            else:
                return
            yield from self._pauses.after(time.monotonic() - began)

    def _report(self, error: BucketUnreachableError) -> None:
        needs = f"{error}; its messages stay in Pub/Sub meanwhile"
        if self._status.block(LARGE_EVENTS, needs):
            _LOG.warning("held_by_bucket", subject=self._subject, needs=needs)
