"""Open, check and create the file of an outbox."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from headrace.producers.outbox import tables
from headrace.producers.outbox.errors import DamageError, OutboxError, OutboxKeyError
from headrace.producers.outbox.file_locks import FileLock
from headrace.producers.outbox.sealing import Sealing

BUSY_SECONDS: Final = 30.0
_CHECKPOINT_PAGES: Final = 4_000  # 16 MiB; each checkpoint syncs the file, and SQLite's default is every 1,000 pages
_LOG_BYTES: Final = 64 * 1024 * 1024
_ELSEWHERE: Final = "name a new file for the outbox"


class Synchronous(StrEnum):
    """Point at which ``publish`` returns. Both survive ``kill -9`` of the process.

    ``FULL`` also survives a power cut and a crash of the operating system, because the file is synced to the disk
    first. With ``NORMAL``, these can lose the events of the last seconds.
    """

    FULL = "FULL"
    NORMAL = "NORMAL"


def connect(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """Open the file, which exists and is an outbox."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit the changes of the block, or none of them."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def prepare(path: Path, sealing: Sealing) -> None:
    """Check the file at *path*, or create it with mode 0600.

    Raises:
        OutboxError: it is another file, has another format, or others may read it.
        OutboxKeyError: it is encrypted with another key, or not encrypted and a key is given.
        DamageError: it is damaged.
    """
    _make_private(path)
    try:
        with closing(connect(path, Synchronous.FULL)) as connection:
            _check(path, connection, sealing)
    except sqlite3.DatabaseError as error:
        _explain(path, error)


def open_lock(path: Path) -> FileLock:
    """Return the lock of the file at *path*, shared with the other processes that have it open. Raises OutboxError."""
    try:
        lock = FileLock(path.with_name(f"{path.name}.lock"))
    except OSError as error:
        raise OutboxError(f"{path}: {_cannot_be_created(error)}") from error
    lock.share()
    return lock


def _cannot_be_created(error: OSError) -> str:
    return f"cannot be created ({error.strerror}); name a file in a folder that the process may write"


def _make_private(path: Path) -> None:
    try:
        if path.is_symlink():
            raise OutboxError(f"{path}: a symbolic link; name the file itself")
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600))
    except FileExistsError:
        pass  # another process has just made it
    except OSError as error:
        raise OutboxError(f"{path}: {_cannot_be_created(error)}") from error
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise OutboxError(f"{path}: other accounts may read or write it; run chmod 600 on it")


def _check(path: Path, connection: sqlite3.Connection, sealing: Sealing) -> None:
    if not _is_empty(connection):
        check_format(path, connection)  # before anything is written to another program's database
    connection.execute("PRAGMA page_size = 4096")
    connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        if _is_empty(connection):
            tables.create(connection, sealing.key_id)
    check_format(path, connection)
    check_key(path, tables.meta(connection, "key"), sealing)
    # Beyond quick_check, this finds a row that no index leads to, which would never be sent.
    found = [str(each) for (each,) in connection.execute("PRAGMA integrity_check(1)")]
    if found != ["ok"]:
        raise DamageError(found[0])
    if tables.has_unknown_subjects(connection):
        raise DamageError("a message without a subject")


def _is_empty(connection: sqlite3.Connection) -> bool:
    return not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()


def check_format(path: Path, connection: sqlite3.Connection) -> None:
    """Raise OutboxError unless the database is an outbox of this format."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (format_,) = connection.execute("PRAGMA user_version").fetchone()
    if application != tables.APPLICATION:
        raise OutboxError(f"{path}: an SQLite database, but not an outbox; {_ELSEWHERE}")
    if format_ != tables.FORMAT:
        remedy = "send what it holds with the release that wrote it, or name a new file"
        raise OutboxError(f"{path}: an outbox of format {format_}, this release has {tables.FORMAT}; {remedy}")


def check_key(path: Path, key_id: str, sealing: Sealing) -> None:
    """Raise OutboxKeyError unless the file was made with this key."""
    if key_id == sealing.key_id:
        return
    if not key_id:
        raise OutboxKeyError(f"{path}: not encrypted, and a key was given; leave out the key, or name a new file")
    if not sealing.key_id:
        raise OutboxKeyError(f"{path}: encrypted; give the key with the id {key_id}")
    raise OutboxKeyError(f"{path}: encrypted with another key; give the key with the id {key_id}")


def _explain(path: Path, error: sqlite3.DatabaseError) -> None:
    """Raise the error of this package for an error of SQLite."""
    if is_damage(error):
        if not _looks_like_sqlite(path):
            raise OutboxError(f"{path}: not an SQLite file; {_ELSEWHERE}") from error
        raise DamageError(str(error)) from error
    raise OutboxError(f"{path}: {unusable(error)}") from error


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether SQLite read something that it never wrote."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return True
    return code == sqlite3.SQLITE_ERROR  # the schema is not the one that was created: our statements are correct


def unusable(error: sqlite3.Error) -> str:
    """Return the cause and the remedy for an error that is not damage."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return "the disk is full; free space"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"another process has held the file for {BUSY_SECONDS:.0f} s; end it"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return "cannot be opened for writing; the process must own the file and be able to write to its folder"
        case _:
            return f"cannot be written ({type(error).__name__}); check the disk"


def _looks_like_sqlite(path: Path) -> bool:
    """Return whether a damaged file was an SQLite file: by its first bytes, or by the log beside it."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return True
    # SQLite's own locks on this file would go when it is closed here, so this runs after the connection failed, alone.
    with path.open("rb") as file:
        return file.read(6) == b"SQLite"
