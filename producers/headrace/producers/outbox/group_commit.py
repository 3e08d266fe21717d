"""Concurrent callers share one transaction: the first one commits for all who wait meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Work = TypeVar("Work")


class _Entry(Generic[Work]):
    """One caller's *work*. ``turn`` is released when it is done, or when this caller must commit."""

    __slots__ = ("error", "is_done", "turn", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.turn = threading.Lock()
        self.turn.acquire()
        self.is_done = False
        self.error: BaseException | None = None


class GroupCommit(Generic[Work]):
    """Calls *commit* with the work of all callers that wait. One call runs at a time, in the thread of one caller."""

    def __init__(self, commit: Callable[[Sequence[Work]], None]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._waiting: list[_Entry[Work]] = []
        self._has_leader = False

    def run(self, work: Work) -> None:
        """Return when *work* is committed; raises the error of the transaction that it was part of."""
        entry = _Entry(work)
        with self._lock:
            self._waiting.append(entry)
            leads = not self._has_leader
            self._has_leader = True
        if not leads:
            entry.turn.acquire()
        if not entry.is_done:
            self._lead()
        if entry.error is not None:
            raise entry.error

    def _lead(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        error: BaseException | None = None
        try:
            self._commit([entry.work for entry in group])
        except BaseException as raised:  # every caller of the group gets it
            error = raised
        for entry in group:
            entry.is_done, entry.error = True, error
        self._hand_over()
        for entry in group:
            entry.turn.release()

    def _hand_over(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting[0].turn.release()  # that caller commits for those who came meanwhile
            else:
                self._has_leader = False
