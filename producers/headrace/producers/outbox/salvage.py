"""Save what can be read of a damaged outbox into a new file."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from headrace.producers.outbox import tables
from headrace.producers.outbox.errors import OutboxError
from headrace.producers.outbox.message import digest
from headrace.producers.outbox.opening import Synchronous, check_key, connect, is_damage, prepare, transaction
from headrace.producers.outbox.sealing import Sealing
from headrace.producers.outbox.tables import Counters

_SUFFIXES: Final = ("", "-wal", "-shm")
_GAP: Final = 1_000_000  # numbers that are tried one by one behind the first one that cannot be read
_COLUMNS: Final = "number, subject, key, added, digest, body"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Salvage:
    """What became of a damaged file, which is now at *moved_to*. *lost* is None if nothing says how many there were."""

    moved_to: Path
    saved: int
    lost: int | None

    def __str__(self) -> str:
        lost = "an unknown number of events is lost" if self.lost is None else f"lost: {self.lost:,}"
        return f"damaged; moved to {self.moved_to}; events saved: {self.saved:,}; {lost}"


def salvage(path: Path, sealing: Sealing, now: datetime) -> Salvage:
    """Move the damaged file aside and copy its intact messages into a new one. No other process has it open.

    Raises:
        OutboxError: the files cannot be moved.
        OutboxKeyError: the file is encrypted with another key.
    """
    aside = path.with_name(f"{path.name}.corrupt-{now:%Y%m%dT%H%M%SZ}")
    try:
        for suffix in _SUFFIXES:
            file = path.with_name(path.name + suffix)
            if file.exists():
                file.rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise OutboxError(f"{path}: damaged, and cannot be moved ({error.strerror}); move it aside") from error
    result = _copied(aside, path, sealing)
    _log.error("%s: %s", path, result)
    return result


def _copied(aside: Path, path: Path, sealing: Sealing) -> Salvage:
    old = connect(aside, Synchronous.NORMAL)
    try:
        found = _Damaged(old)
        key_id = found.meta("key")
        if key_id is not None:
            check_key(aside, key_id, sealing)
        prepare(path, sealing)
        new = connect(path, Synchronous.FULL)
        try:
            with transaction(new):
                saved = _fill(new, found)
        finally:
            new.close()
    finally:
        old.close()
    expected = found.expected()
    return Salvage(aside, saved, None if expected is None else max(0, expected - saved))


def _fill(new: sqlite3.Connection, found: _Damaged) -> int:
    if (outbox := found.meta("outbox")) is not None:  # encrypted bodies can be opened only with this id
        new.execute("UPDATE meta SET value = ? WHERE name = 'outbox'", (outbox,))
    names = found.subjects()
    count = size = last = 0
    for table, extra in (("messages", ""), ("refused", ", error")):
        for number, subject, key, added, checksum, body, *error in found.rows(table, _COLUMNS + extra):
            name = names.get(subject)
            if name is None or digest(name, body) != checksum:
                continue
            new_subject = tables.subject_number(new, name)
            if table == "messages":
                values: tuple[Any, ...] = (number, tables.NO_OWNER, new_subject, key, added, checksum, body)
            else:
                values = (number, new_subject, key, added, checksum, body, *error)
            marks = ", ".join("?" * len(values))
            new.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)  # noqa: S608 our own names
            count, size, last = count + 1, size + len(body), max(last, number)
    tables.set_counters(new, Counters(max(last + 1, found.next_number()), count, size))
    return count


class _Damaged:
    """What can be read of a damaged file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def meta(self, name: str) -> str | None:
        found = self._one("SELECT value FROM meta WHERE name = ?", name)
        return None if found is None else str(found[0])

    def expected(self) -> int | None:
        found = self._one("SELECT messages FROM counters")
        return None if found is None or not isinstance(found[0], int) else found[0]

    def next_number(self) -> int:
        found = self._one("SELECT next FROM counters")
        return found[0] if found is not None and isinstance(found[0], int) else 1

    def subjects(self) -> dict[int, str]:
        return {number: str(name) for number, name in self._read("SELECT id, name FROM subjects", ()) if name}

    def rows(self, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield intact rows from the front up to damage, then from the end, then those between, one by one."""
        select = f"SELECT {columns} FROM {table}"  # noqa: S608 our own names
        first = 0
        for row in self._read(f"{select} ORDER BY number", ()):
            first = row[0]
            yield row
        last = max(first + _GAP, self.next_number())
        for row in self._read(f"{select} WHERE number > ? ORDER BY number DESC", (first,)):
            last = row[0]
            yield row
        if self._is_whole:
            return
        for number in range(first + 1, min(last, first + _GAP)):
            yield from self._read(f"{select} WHERE number = ?", (number,))

    _is_whole = True

    def _one(self, statement: str, *values: Any) -> Any:
        return next(iter(self._read(statement, values)), None)

    def _read(self, statement: str, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        """Yield rows until one cannot be read."""
        try:
            yield from self._connection.execute(statement, values)
        except (sqlite3.DatabaseError, UnicodeDecodeError, OverflowError) as error:
            if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
                raise
            self._is_whole = False
