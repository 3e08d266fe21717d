"""The broker's file: one SQLite database, one connection, and one transaction for all calls of a moment.

A call changes the database at once and answers after :meth:`Store.committed`. So a process that is killed has lost
nothing that it confirmed. A power failure can lose the last moments: the file is not forced to disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from headrace.errors import Exit, HeadraceError

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS topics (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, body BLOB NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0, messages INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS subscriptions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, topic INTEGER NOT NULL, body BLOB NOT NULL,
    floor INTEGER NOT NULL, epoch INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0, acknowledged INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS settled (
    subscription INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (subscription, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempts (
    subscription INTEGER NOT NULL, message INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (subscription, message)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, published INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS snapshots (
    name TEXT PRIMARY KEY, topic INTEGER NOT NULL, body BLOB NOT NULL, floor INTEGER NOT NULL, settled TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS schemas (
    position INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, revision TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (name, revision));
"""
_CACHE_KIB: Final = 32 * 1024
_LOCK_SECONDS: Final = 1.0  # a broker that was killed a moment ago may still end


class StoreError(HeadraceError, RuntimeError, error_code="HR-919", exit_code=Exit.CONFIGURATION):
    """The broker's file cannot be used. The message names it, the cause and the remedy."""


class Store:
    """The database in *path*, for one process. Raises StoreError if it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=_LOCK_SECONDS)
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self._connection.close()
            raise StoreError(f"{path}: {error}; stop the other broker that uses it, or name another file") from None
        self._is_open = False  # a transaction
        self._waiting: list[asyncio.Future[None]] = []

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query."""
        return self._connection.execute(query, parameters).fetchall()

    def change(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Execute a statement in the open transaction; return the id of an inserted row."""
        self._begin()
        return self._connection.execute(statement, parameters).lastrowid or 0

    def change_many(self, statement: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Execute a statement for each of many parameters, in the open transaction."""
        self._begin()
        self._connection.executemany(statement, parameters)

    async def committed(self) -> None:
        """Wait until all changes are committed. Raises sqlite3.Error if they cannot be."""
        if self._is_open:
            commit = asyncio.get_running_loop().create_future()
            self._waiting.append(commit)
            await commit

    def close(self) -> None:
        """Commit, and close the file."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._connection.close()

    def _begin(self) -> None:
        """Open a transaction, and commit it after the calls that wait in the loop have made their changes."""
        if self._is_open:
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._is_open = True
        asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        waiting, self._waiting, self._is_open = self._waiting, [], False
        error: sqlite3.Error | None = None
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as found:
            error = found
        for each in waiting:
            if each.done():  # its call was cancelled
                continue
            if error is None:
                each.set_result(None)
            else:
                each.set_exception(error)
