"""Open, check and create the journal's file."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import apsw

from headrace.engine.journal_errors import ELSEWHERE, START_AFRESH, JournalError, damaged, is_damage
from headrace.engine.journal_files import RESERVED, VFS, Log, load_checksums, lost_transactions, read_log

FILE: Final = "journal.db"
FORMAT: Final = 3
DAMAGED: Final = 0x0BAD  # in place of the format, so that a damaged journal is refused at every start
BUSY_MILLISECONDS: Final = 5_000
_WAL_BYTES: Final = 64 * 1024 * 1024
_PAGE_BYTES: Final = 16 * 1024  # with 4 KiB, the commits of a round (some hundred kilobytes) take a third longer
_SCHEMA: Final = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE streams (target TEXT PRIMARY KEY, name TEXT NOT NULL, next_offset INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE pending_batches (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, count INTEGER NOT NULL,
        schema BLOB NOT NULL, rows BLOB NOT NULL, notes BLOB NOT NULL);
    CREATE TABLE remembered (
        target TEXT PRIMARY KEY, generation INTEGER NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE ids (
        seq INTEGER PRIMARY KEY, target TEXT NOT NULL, generation INTEGER NOT NULL, newest INTEGER NOT NULL,
        entries BLOB NOT NULL);
    CREATE TABLE receipts (
        seq INTEGER PRIMARY KEY, target TEXT NOT NULL, generation INTEGER NOT NULL, entries BLOB NOT NULL);
    CREATE INDEX ids_by_generation ON ids (target, generation);
    CREATE INDEX receipts_by_generation ON receipts (target, generation);
    CREATE TABLE tallies (seq INTEGER PRIMARY KEY AUTOINCREMENT, counts BLOB NOT NULL);
"""


def open_connection(directory: Path, vfs: str | None = None) -> apsw.Connection:
    """Open the journal in *directory*, which is created with mode 0700 if it is missing.

    Raises:
        JournalError: it is a symbolic link, is damaged, has another format, or another process writes to it now.
    """
    _private(directory)
    log = directory / f"{FILE}-wal"
    try:
        load_checksums()
        before = read_log(log)
        connection = apsw.Connection(str(directory / FILE), vfs=vfs or VFS)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        _refuse_lost_transactions(connection, directory, before)
        _prepare(connection, directory)
    except LookupError as error:
        raise JournalError("apsw: this installation lacks its extra cksumvfs; install the wheel from PyPI") from error
    except apsw.BusyError as error:
        raise JournalError(f"{directory}: another process holds the journal; end it first") from error
    except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError) as error:
        raise JournalError(f"{directory}: no journal, or a damaged one; {START_AFRESH}") from error
    except apsw.ReadOnlyError as error:
        raise JournalError(f"{directory}: the file system is read-only; {ELSEWHERE}") from error
    except apsw.NoMemError as error:
        raise JournalError(f"{directory}: too little memory to open the journal; give the job more") from error
    except apsw.CantOpenError as error:
        raise JournalError(f"{directory}: the journal cannot be opened; the job must own the folder") from error
    except (apsw.FullError, apsw.IOError) as error:
        if is_damage(error):
            raise JournalError(damaged(directory)) from error
        raise JournalError(f"{directory}: the journal cannot be written; free space, or replace the disk") from error
    return connection


def _refuse_lost_transactions(connection: apsw.Connection, directory: Path, before: Log | None) -> None:
    ((_, read, _),) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    if lost_transactions(before, read_log(directory / f"{FILE}-wal"), read):
        connection.execute(f"PRAGMA user_version = {DAMAGED}")  # because this connection deletes the log when it ends
        raise JournalError(damaged(directory))


def _private(directory: Path) -> None:
    """Create the folder for this account only. Refuse symbolic links, which could lead to another folder."""
    try:
        _make_private(directory)
    except OSError as error:
        raise JournalError(f"{directory}: cannot be used ({error.strerror}); {ELSEWHERE}") from error


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(path.is_symlink() for path in (directory, directory / FILE)):
        raise JournalError(f"{directory}: a symbolic link; name the folder itself")
    status = directory.stat()
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise JournalError(f"{directory}: others may read or write it; chmod 700, owned by the job")
    os.close(os.open(directory / FILE, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))


def _prepare(connection: apsw.Connection, directory: Path) -> None:
    settings: Iterable[str] = (
        f"PRAGMA page_size = {_PAGE_BYTES}",  # applies only to a new file
        "PRAGMA auto_vacuum = INCREMENTAL",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        f"PRAGMA journal_size_limit = {_WAL_BYTES}",
    )
    if not connection.pragma("page_count"):
        if (directory / FILE).stat().st_size:  # less than a page, and the log does not have the rest
            raise JournalError(damaged(directory))
        connection.reserve_bytes(reserve=RESERVED)
    for setting in settings:
        connection.execute(setting)
    connection.execute("BEGIN IMMEDIATE")
    made = connection.pragma("user_version")
    if made == 0:
        connection.execute(_SCHEMA)
        connection.execute("INSERT INTO meta VALUES ('journal', ?), ('epoch', 0)", (uuid.uuid4().hex,))
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
    if made == DAMAGED or (made == FORMAT and connection.reserve_bytes() != RESERVED):
        raise JournalError(damaged(directory))
    if made not in (0, FORMAT):
        raise JournalError(f"{directory}: a journal of format {made}, this is format {FORMAT}; {START_AFRESH}")
    list(connection.execute("PRAGMA incremental_vacuum"))  # each step of the statement frees one page
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
