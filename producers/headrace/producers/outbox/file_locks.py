"""Locks of processes on files beside an outbox. The system releases them when a process ends, however it ends.

Where the system has no ``flock`` (Windows), nothing is locked, and a process that has ended is noticed by its missing
heartbeat alone.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl

_MODE: Final = 0o600


class FileLock:
    """A lock file that is open in this process. A child that forks must call :meth:`leave`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)

    def share(self) -> None:
        """Wait for a shared lock, which any number of processes may have."""
        if sys.platform != "win32":
            fcntl.flock(self._file, fcntl.LOCK_SH)

    def try_to_own(self) -> bool:
        """Return whether this process has got the lock alone. Releases a shared lock, whatever the result is."""
        if sys.platform != "win32":
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def leave(self) -> None:
        """Close the file. In a forked child, the lock of the parent stays."""
        os.close(self._file)

    def remove(self) -> None:
        """Delete the file and release the lock."""
        with suppress(FileNotFoundError):
            self.path.unlink()
        self.leave()


def is_locked(path: Path) -> bool | None:
    """Return whether a process locks *path*; None if that cannot be known here."""
    if sys.platform == "win32":
        return None
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared, so that one who looks is no holder for another
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
