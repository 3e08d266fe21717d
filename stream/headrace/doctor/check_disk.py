"""The disk of the journal: free space, and whether this account can write there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from headrace.doctor.findings import Finding, Level, ok

MIB: Final = 1 << 20
TOO_FULL: Final = 64 * MIB  # less than one round can take
NEARLY_FULL: Final = 1024 * MIB  # less than sixteen subjects with a round each
_FREE_SPACE: Final = "free space there, or name another folder (`journal`)"


def look_at_disk(journal: Path) -> Iterator[Finding]:
    """Yield findings about the disk on which the folder *journal* is, or would be created."""
    folder = next(each for each in (journal, *journal.absolute().parents) if each.exists())
    yield from judge_disk(journal, shutil.disk_usage(folder).free, writable=os.access(folder, os.W_OK | os.X_OK))


def judge_disk(journal: Path, free: int, *, writable: bool) -> Iterator[Finding]:
    """Yield findings about the folder *journal* on a disk with *free* bytes."""
    subject, room = "journal", f"{free / MIB:,.0f} MiB are free for {journal}"
    if not writable:
        what = f"this account cannot write to {journal}"
        yield Finding(Level.PROBLEM, subject, what, "change the owner of the folder, or name another one (`journal`)")
    if free < TOO_FULL:
        yield Finding(Level.PROBLEM, subject, f"{room}, less than a round may take", _FREE_SPACE)
    elif free < NEARLY_FULL:
        yield Finding(Level.WARNING, subject, room, _FREE_SPACE)
    else:
        yield ok(subject, room)
