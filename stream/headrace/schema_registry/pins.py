"""The pins of one registry, in memory and on disk. An id's answer is pinned by the hash of its parsed schema."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from headrace.schema_registry.pin_file import PinFile, PinKey, PinTable, SubjectPins

_NONE = SubjectPins()


class Pins:
    """The pins of all subjects; none until :meth:`reload`. Any thread may use them; changes raise PinFileError."""

    def __init__(self, file: PinFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._table: PinTable = {}

    def of(self, subject: str) -> SubjectPins:
        """Return the pins of a subject."""
        return self._table.get(subject, _NONE)

    def pin(self, subject: str, key: PinKey, schema_hash: str) -> None:
        """Pin an id that has no pin yet, durably."""

        def pinned(now: SubjectPins) -> SubjectPins:
            return replace(now, ids={**now.ids, key: now.ids.get(key, schema_hash)})

        self._change(subject, pinned)

    def pin_anew(self, subject: str, ids: Mapping[PinKey, str]) -> None:
        """Replace all pins of a subject, which is no longer broken."""
        self._change(subject, lambda now: SubjectPins(dict(ids)))

    def judge(self, subject: str, checked: SubjectPins, broken: str | None) -> None:
        """Record whether a subject's pins are *broken*, unless they are no longer those that were *checked*."""
        self._change(subject, lambda now: replace(now, broken=broken) if now.ids == checked.ids else now)

    def reload(self) -> None:
        """Read what another process may have changed."""
        with self._lock:
            self._stamp = self._file.stamp
            self._table = self._file.read()

    @property
    def is_outdated(self) -> bool:
        """Whether another process has changed the file since it was read."""
        return self._file.stamp != self._stamp

    def _change(self, subject: str, update: Callable[[SubjectPins], SubjectPins]) -> None:
        def updated(table: PinTable) -> PinTable:
            return {**table, subject: update(table.get(subject, _NONE))}

        with self._lock:
            self._table = self._file.change(updated)
            self._stamp = self._file.stamp
