"""Who holds a lock beside an outbox, as another process sees it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from headrace.producers.outbox.file_locks import FileLock, is_locked


def test_a_lock_is_seen_while_its_owner_has_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert is_locked(path) is False
    lock = FileLock(path)
    assert lock.try_to_own()
    assert is_locked(path) is True
    lock.remove()
    assert is_locked(path) is False
    assert not path.exists()


def test_one_who_looks_is_no_owner_for_another(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert is_locked(path) is False
    os.close(looking)
