"""The lease on a journal. One process owns the journal by an epoch, which each transaction checks, and a lease.

The owner of an epoch locks the epoch's own file. A process that has died has no lock, so the next one need not wait for
the end of the lease. A process that is only suspended keeps its lock but loses its lease, and finds another epoch when
it continues.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, Final

import apsw

from headrace.errors import Exit, HeadraceError
from headrace.runtime.file_locks import is_locked

_SECOND: Final = 1_000_000


class InUseError(HeadraceError, RuntimeError, error_code="HR-505", exit_code=Exit.CONFIGURATION):
    """Another engine is running on the same journal or subscriptions. The text names the engine and the remedy."""


class FencedError(HeadraceError, RuntimeError, error_code="HR-506", exit_code=Exit.HALTED):
    """Another engine has taken over. This engine must stop; it has written nothing since then."""


def is_journal_in_use(directory: Path) -> bool:
    """Return whether a process owns the journal in *directory*, which may be damaged: it is not opened."""
    return any(is_locked(path) for path in directory.glob("epoch-*.lock"))


class JournalLease:
    """The epoch and the lease of one journal. Times are those of the wall clock, in microseconds."""

    def __init__(self, connection: apsw.Connection, directory: Path) -> None:
        self._connection = connection
        self._directory = directory
        self._lock: int | None = None
        self.epoch = 0

    def claim(self, holder: str, now: int, lease_seconds: float) -> None:
        """Begin the next epoch.

        Raises:
            InUseError: another process owns the journal, and its lease has not ended.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            epoch = int(self._value("epoch") or 0)
            if self._is_held(epoch) and int(self._value("expires") or 0) > now:
                raise InUseError(
                    f"{self._directory}: the journal is owned by {self._value('holder')}; "
                    "stop that engine, or give this one a journal and subscriptions of its own"
                )
            self._lock = self._hold(epoch + 1)
            self._store(epoch=epoch + 1, holder=holder, expires=now + int(lease_seconds * _SECOND))
            self._connection.execute("COMMIT")
        except apsw.BusyError as error:
            raise InUseError(f"{self._directory}: another process writes to the journal; end it first") from error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self.epoch = epoch + 1
        self._file(epoch).unlink(missing_ok=True)

    def check(self) -> None:
        """Raise FencedError if another epoch has begun. Call this within a transaction."""
        epoch = self._value("epoch")
        if not self.epoch or epoch != self.epoch:
            raise FencedError(
                f"{self._directory}: another engine ({self._value('holder')}) has taken the journal over; "
                "this one was stopped for longer than its lease and ends now"
            )

    def renew(self, now: int, lease_seconds: float) -> None:
        """Extend the lease. Call this within a transaction."""
        self._store(expires=now + int(lease_seconds * _SECOND))

    def release(self) -> None:
        """Release the lock, which ends the lease."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _is_held(self, epoch: int) -> bool:
        return is_locked(self._file(epoch))

    def _hold(self, epoch: int) -> int:
        handle = os.open(self._file(epoch), os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return handle

    def _file(self, epoch: int) -> Path:
        return self._directory / f"epoch-{epoch}.lock"

    def _value(self, name: str) -> Any:
        found = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def _store(self, **values: Any) -> None:
        for name, value in values.items():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
