"""A disk whose power a test can cut: SQLite's files keep writes in memory until they are synced.

Importing this module makes it the disk of every SQLite connection of the process (``apsw``), so that SIGKILL means
what a power cut means: what was not synced is gone, or half of it is there. ``HEADRACE_POWER_TORN`` is the seed of
what reaches the disk before its sync. ``HEADRACE_POWER_CONTROL`` names a file that breaks the disk while it says so:
``full`` (no write succeeds: ENOSPC), ``eio`` (no sync succeeds, and what was to be synced never gets there).
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any, Final

import apsw

NAME: Final = "power"
TORN: Final = "HEADRACE_POWER_TORN"
CONTROL: Final = "HEADRACE_POWER_CONTROL"
_REAL: Final = apsw.vfs_names()[0]  # the disk below; the default when this module is loaded
SECTOR: Final = 512  # what a disk writes whole or not at all


class Fault:
    """What the control file says, looked up before each operation."""

    def __init__(self, control: str | None) -> None:
        self._control = Path(control) if control else None

    def is_on(self, word: str) -> bool:
        try:
            return self._control is not None and word in self._control.read_text().split()
        except FileNotFoundError:
            return False


class _File(apsw.VFSFile):
    """One file: writes in order, in memory, over what is on the disk."""

    def __init__(self, filename: Any, flags: Any, fault: Fault, torn: random.Random | None) -> None:
        super().__init__(_REAL, filename, flags)
        self._fault, self._torn = fault, torn
        self._unsynced: list[tuple[int, bytes]] = []
        self._lost: list[tuple[int, bytes]] = []  # a sync failed: still readable, and never to reach the disk
        self._size: int | None = None

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 SQLite's names
        if self._fault.is_on("full"):
            raise apsw.FullError("no space, says the control file")
        self._unsynced.append((offset, bytes(data)))
        self._size = max(self.xFileSize(), offset + len(data))
        if self._torn is not None:
            self._leak(offset, bytes(data))

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        there = min(amount, max(0, self.xFileSize() - offset))
        stored = super().xRead(there, offset) if there else b""
        found = bytearray(stored.ljust(there, b"\0"))
        for start, data in [*self._lost, *self._unsynced]:
            first, last = max(start, offset), min(start + len(data), offset + there)
            if first < last:
                found[first - offset : last - offset] = data[first - start : last - start]
        return bytes(found)

    def xFileSize(self) -> int:  # noqa: N802
        return super().xFileSize() if self._size is None else self._size

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._unsynced = _cut(self._unsynced, size)
        self._lost = _cut(self._lost, size)
        self._size = size
        if super().xFileSize() > size:
            super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._fault.is_on("eio"):
            self._lost += self._unsynced
            self._unsynced = []
            raise apsw.IOError("the sync failed, says the control file")
        for offset, data in self._unsynced:
            super().xWrite(data, offset)
        self._unsynced = []
        super().xSync(flags)

    def xClose(self) -> None:  # noqa: N802
        """A process that ends in good order leaves its writes to the operating system."""
        for offset, data in self._unsynced:
            super().xWrite(data, offset)
        self._unsynced = []
        super().xClose()

    def _leak(self, offset: int, data: bytes) -> None:
        """Let some sectors of a write reach the disk before their time, as disks do."""
        assert self._torn is not None
        sectors = self._torn.randrange(len(data) // SECTOR + 1)
        if sectors and self._torn.random() < 0.5:
            super().xWrite(data[: sectors * SECTOR], offset)


class Disk(apsw.VFS):
    """The VFS."""

    def __init__(self, fault: Fault, torn: random.Random | None) -> None:
        self._fault, self._torn = fault, torn
        super().__init__(NAME, _REAL, makedefault=True)

    def xOpen(self, name: Any, flags: Any) -> _File:  # noqa: N802
        return _File(name, flags, self._fault, self._torn)


def _cut(writes: list[tuple[int, bytes]], size: int) -> list[tuple[int, bytes]]:
    return [(offset, data[: size - offset]) for offset, data in writes if offset < size]


def _keep_index_in_memory(connection: apsw.Connection) -> None:
    """The index of the log lies in shared memory, which a disk of one's own does not have."""
    connection.pragma("locking_mode", "exclusive")


_seed = os.environ.get(TORN)
DISK: Final = Disk(Fault(os.environ.get(CONTROL)), random.Random(int(_seed)) if _seed else None)
apsw.connection_hooks.append(_keep_index_in_memory)
