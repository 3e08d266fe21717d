"""The hold of one subject whose schema ids cannot be trusted, or not be asked for. Other subjects continue.

A subject that is held pulls nothing, and makes no dead letters. It goes on by itself when the registry answers again,
or when its ids are pinned anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import structlog

from headrace.core.message import Message
from headrace.engine.hold_pauses import HoldPauses
from headrace.engine.prepare import Prepared
from headrace.engine.status import SCHEMA_REGISTRY, SubjectStatus
from headrace.engine.task_steps import Steps, pausing
from headrace.schema_registry.registry_errors import PinBrokenError, PinFileError, RegistryError
from headrace.schema_registry.registry_ids import RegistryIds

if TYPE_CHECKING:  # sources holds its preparers by this module
    from headrace.engine.sources import Preparer

POLL_SECONDS: Final = 0.5
_LOG = structlog.get_logger("headrace")


class HeldByRegistry:
    """A preparer that takes messages only while the subject's schema ids can be trusted."""

    def __init__(self, preparer: Preparer, ids: RegistryIds, status: SubjectStatus, stop: threading.Event) -> None:
        self._preparer = preparer
        self._ids = ids
        self._status = status
        self._stop = stop
        self._pauses = HoldPauses(stop)
        self._needs_answers = False  # an id that is not known waits to be asked for
        ids.watch.listen(ids.subject, self._note)

    def prepare(self, messages: Sequence[Message], now: int) -> Prepared:
        """Decode, mask and window *messages*; *now* is in microseconds since 1970.

        Raises:
            PinBrokenError, PinFileError, RegistryError: the subject has to wait; nothing is published.
        """
        self._ids.check()
        return self._preparer.prepare(messages, now)

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        """Serve while the ids can be trusted, until the engine stops."""
        return self._preparer.run(lambda: self._serve(serve))

    def _serve(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        while (yield from self._wait()):
            began = time.monotonic()
            try:
                yield from serve()
            except PinBrokenError as error:
                self._report(error)
            except (RegistryError, PinFileError) as error:
                self._needs_answers = True
                self._report(error)
            else:
                return
            yield from self._pauses.after(time.monotonic() - began)

    def _wait(self) -> Steps[bool]:
        """Wait until messages may be taken; return False when the engine stops."""
        while not self._stop.is_set():
            problem = self._problem()
            if problem is None:
                if self._ids.watch.has_looked:
                    self._needs_answers = False
                    self._release()
                    return True
            else:
                self._report(problem)
            yield from pausing(POLL_SECONDS, self._stop)
        return False

    def _problem(self) -> Exception | None:
        if not self._ids.watch.has_looked:
            return None  # it looks right now
        try:
            self._ids.check()
        except PinBrokenError as error:
            return error
        return self._ids.watch.problem if self._needs_answers else None

    def _note(self, broken: str | None) -> None:
        """Show the state of the pins after each look, also while no message comes. The watch calls this."""
        if broken is not None:
            self._report(PinBrokenError(broken))
        elif not self._needs_answers:
            self._release()

    def _report(self, error: Exception) -> None:
        needs = f"{error}; its messages stay in Pub/Sub meanwhile"
        if self._status.block(SCHEMA_REGISTRY, needs):
            _LOG.warning("held_by_registry", subject=self._ids.subject, needs=needs)

    def _release(self) -> None:
        if self._status.unblock(SCHEMA_REGISTRY):
            _LOG.info("recovered", subject=self._ids.subject)
