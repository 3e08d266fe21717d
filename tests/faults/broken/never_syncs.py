"""Commits without a sync: to be run on the disk whose power is cut (``power.py``)."""

from __future__ import annotations

from pathlib import Path

from headrace.engine.journal import Journal

_open = Journal.open.__func__  # type: ignore[attr-defined]


def open_unsynced(cls: type[Journal], directory: Path, vfs: str | None = None) -> Journal:
    journal: Journal = _open(cls, directory, vfs)
    journal._connection.pragma("synchronous", "off")
    return journal


Journal.open = classmethod(open_unsynced)  # type: ignore[assignment, method-assign]
