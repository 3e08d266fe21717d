"""Save what can be read of a damaged outbox into a new file."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from headrace.producers.outbox import tables
from headrace.producers.outbox.errors import OutboxError
from headrace.producers.outbox.log_check import has_lost_transactions
from headrace.producers.outbox.message import digest
from headrace.producers.outbox.opening import Synchronous, check_key, connect, is_damage, prepare, transaction
from headrace.producers.outbox.sealing import Sealing
from headrace.producers.outbox.tables import Row

_SUFFIXES: Final = ("", "-wal", "-shm")
_PAGE_BYTES: Final = 4096
_PAGES_AT: Final = 28  # in the first page: the number of pages (sqlite.org/fileformat2.html#the_database_header)
_GAP: Final = 1_000_000  # numbers that are tried one by one behind the first one that cannot be read
_BLIND_GAP: Final = 10_000  # the same, if the file does not say where the numbers end
_COLUMNS: Final = "number, subject, key, added, digest, body"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Salvage:
    """Result of saving a damaged file, which is now at *moved_to*. Without *lost*, that number is unknown."""

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
    is_complete = not has_lost_transactions(aside.with_name(f"{aside.name}-wal"))
    result = _copied(aside, path, sealing, is_complete)
    _log.error("%s: %s", path, result)
    return result


def _copied(aside: Path, path: Path, sealing: Sealing, is_complete: bool) -> Salvage:
    source = aside.with_name(f"{aside.name}.copy")  # SQLite would change the files that it reads
    try:
        for suffix in ("", "-wal"):
            file = aside.with_name(aside.name + suffix)
            if file.exists():
                shutil.copyfile(file, source.with_name(source.name + suffix))
        if not _has_tables(source):
            _replace_first_page(source, sealing)
        with closing(sqlite3.connect(source, isolation_level=None)) as old:
            found = _Damaged(old)
            key_id = found.meta("key")
            if key_id is not None:
                check_key(aside, key_id, sealing)
            prepare(path, sealing)
            with closing(connect(path, Synchronous.FULL)) as new, transaction(new):
                saved = _fill(new, found)
            expected = found.expected() if is_complete else None
    finally:
        for suffix in _SUFFIXES:
            source.with_name(source.name + suffix).unlink(missing_ok=True)
    return Salvage(aside, saved, None if expected is None else max(0, expected - saved))


def _has_tables(aside: Path) -> bool:
    with closing(sqlite3.connect(aside, isolation_level=None)) as connection:
        names = {row[0] for row in _Damaged(connection).read("SELECT name FROM sqlite_master")}
    return {"messages", "refused", "subjects", "counters", "meta"} <= names


def _replace_first_page(file: Path, sealing: Sealing) -> None:
    """Replace the first page, which has the schema, by that of a new outbox.

    The tables of every outbox are made in one order, so they begin at the same pages.
    """
    new = file.with_name(f"{file.name}-new")
    with closing(sqlite3.connect(new, isolation_level=None)) as connection, transaction(connection):
        tables.create(connection, sealing.key_id)
    first = bytearray(new.read_bytes()[:_PAGE_BYTES])
    new.unlink()
    content = file.read_bytes()
    first[_PAGES_AT : _PAGES_AT + 4] = (len(content) // _PAGE_BYTES).to_bytes(4, "big")
    file.write_bytes(bytes(first) + content[_PAGE_BYTES:])


def _fill(new: sqlite3.Connection, found: _Damaged) -> int:
    if (outbox := found.meta("outbox")) is not None:  # encrypted bodies can be opened only with this id
        new.execute("UPDATE meta SET value = ? WHERE name = 'outbox'", (outbox,))
    names = found.subject_names()
    count = 0
    for number, _, key, added, checksum, body in found.rows("messages", _COLUMNS):
        name = _subject_of(names, number, added, checksum, body)
        if name is not None:
            row = Row(tables.subject_number(new, name), _int_or_none(key), added, checksum, body, number)
            tables.insert_saved(new, row)
            count += 1
    for number, _, key, added, checksum, body, error in found.rows("refused", f"{_COLUMNS}, error"):
        name = _subject_of(names, number, added, checksum, body)
        if name is not None:
            values = number, tables.subject_number(new, name), _int_or_none(key), added, checksum, body, str(error)
            new.execute("INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            count += 1
    tables.skip_numbers(new, found.next_number())
    return count


def _subject_of(names: Iterable[str], number: Any, added: Any, checksum: Any, body: Any) -> str | None:
    """Return the subject of an intact row, and None for a damaged one. A flipped bit also changes types of values."""
    if not (isinstance(number, int) and isinstance(added, float) and isinstance(body, bytes)):
        return None
    return next((name for name in names if digest(name, body) == checksum), None)


def _int_or_none(value: Any) -> int | None:
    return value if isinstance(value, int) else None


class _Damaged:
    """The readable part of a damaged file."""

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

    def subject_names(self) -> list[str]:
        """Return all names that the table and its index have: where they differ, digests say which one is correct."""
        found = [
            *self.read("SELECT name FROM subjects NOT INDEXED"),
            *self.read("SELECT name FROM subjects INDEXED BY sqlite_autoindex_subjects_1"),
        ]
        return sorted({name for (name,) in found if isinstance(name, str)})

    def rows(self, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield intact rows from the front up to damage, then from the end, then those between, one by one."""
        select = f"SELECT {columns} FROM {table}"  # noqa: S608 our own names
        first, is_whole = 0, self._is_whole
        self._is_whole = True
        for row in self.read(f"{select} ORDER BY number"):
            if isinstance(row[0], int) and row[0] > first:
                first = row[0]
                yield row
        if self._is_whole:
            self._is_whole = is_whole
            return
        last = min(first + _GAP, max(first + _BLIND_GAP, self.next_number()))
        for row in self.read(f"{select} WHERE number > ? ORDER BY number DESC", first):
            if isinstance(row[0], int) and first < row[0] < last:
                last = row[0]
                yield row
        for number in range(first + 1, last):
            yield from self.read(f"{select} WHERE number = ?", number)

    _is_whole = True

    def _one(self, statement: str, *values: Any) -> Any:
        return next(iter(self.read(statement, *values)), None)

    def read(self, statement: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Yield rows until one cannot be read."""
        try:
            yield from self._connection.execute(statement, values)
        except (sqlite3.DatabaseError, UnicodeDecodeError, OverflowError) as error:
            if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
                raise
            self._is_whole = False
