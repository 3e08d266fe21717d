"""The folder of `headrace up`. A lock on a file in it shows that the services run."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from headrace.errors import Exit, HeadraceError
from headrace.runtime.file_locks import is_locked

LOCK: Final = "up.lock"


class UpRunsError(HeadraceError, RuntimeError, error_code="HR-925", exit_code=Exit.CONFIGURATION):
    """Another `headrace up` runs in the folder. The text names it and the remedy."""


@contextmanager
def folder_in_use(folder: Path) -> Iterator[None]:
    """Create *folder* if it is missing, and hold its lock while the block runs.

    Raises:
        UpRunsError: another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UpRunsError(
                f"{folder}: `headrace up` runs here already; use it (source {folder}/emulators.env), or stop it first"
            ) from None
        yield


def is_folder_in_use(folder: Path) -> bool:
    """Return whether a process holds the lock of *folder*."""
    return is_locked(folder / LOCK)
