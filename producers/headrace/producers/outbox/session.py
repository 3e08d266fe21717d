"""An outbox file that is open in this process: its connections, its locks, and its transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from headrace.producers.outbox import tables
from headrace.producers.outbox.deliveries import Deliveries, DeliveryFuture
from headrace.producers.outbox.errors import OutboxDamagedError, OutboxError
from headrace.producers.outbox.file_locks import FileLock
from headrace.producers.outbox.group_commit import GroupCommit
from headrace.producers.outbox.message import OutboxMessage, digest, key_number
from headrace.producers.outbox.opening import Synchronous, connect, is_damage, transaction, unusable
from headrace.producers.outbox.sealing import Sealing
from headrace.producers.outbox.tables import Limits, Row


@dataclass(slots=True, eq=False)
class Adding:
    """A message to add. ``is_full`` is True if there was no room for it."""

    subject: str
    row: Row
    future: DeliveryFuture
    is_full: bool = False


@dataclass(slots=True, eq=False)
class Settling:
    """Numbers of messages to remove, and messages to move to the refused, as number and name of the error."""

    delivered: Sequence[int] = ()
    refused: Sequence[tuple[int, str]] = ()
    notes: Sequence[tuple[int, str | None, int]] = field(default=())


class Session:
    """The file at *path* in one process, which is one of its owners. Thread-safe. A forked child makes its own."""

    def __init__(self, path: Path, sealing: Sealing, limits: Limits, synchronous: Synchronous, lock: FileLock) -> None:
        self.path = path
        self.deliveries = Deliveries()
        self._limits = limits
        self._synchronous = synchronous
        self._sealing = sealing
        self._lock = lock
        self._writing = threading.RLock()
        self._reading = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._is_closed = False
        self._subjects: dict[str, int] = {}
        self._group: GroupCommit[Adding | Settling] = GroupCommit(self._commit)
        with self.writer() as connection:
            self._context = tables.meta(connection, "outbox")
        self.owner: int = tables.NO_OWNER
        self._owner_lock: FileLock | None = None
        self.register()

    # Transactions

    def add(self, message: OutboxMessage, future: DeliveryFuture) -> bool:
        """Commit *message*; return False if there is no room for it. *future* settles when it is delivered."""
        body = self._sealing.seal(message.packed(), self.context(message.subject))
        checksum = digest(message.subject, body)
        row = Row(0, key_number(message.ordering_key), time.time(), checksum, body)
        adding = Adding(message.subject, row, future)
        self._run(adding)
        return not adding.is_full

    def settle(self, settling: Settling) -> None:
        """Commit what became of messages that were sent."""
        self._run(settling)

    def _run(self, work: Adding | Settling) -> None:
        self._group.run(work)

    def _commit(self, works: Sequence[Adding | Settling]) -> None:
        with self.writer() as connection, self.deliveries.expecting() as expect:
            if len(works) == 1 and self._is_simple(works[0]):
                self._insert(connection, works, {})  # one statement is a transaction of its own
            else:
                self._commit_all(connection, works)
            for each in works:
                if isinstance(each, Adding) and not each.is_full:
                    expect(each.row.number, each.future, each.row.owner == self.owner)

    def _commit_all(self, connection: sqlite3.Connection, works: Sequence[Adding | Settling]) -> None:
        new: dict[str, int] = {}
        with transaction(connection):
            for each in works:
                if isinstance(each, Settling):
                    _settle(connection, each)
            self._insert(connection, works, new)
        self._subjects |= new

    def _is_simple(self, work: Adding | Settling) -> bool:
        return isinstance(work, Adding) and work.row.key is None and work.subject in self._subjects

    def _insert(self, connection: sqlite3.Connection, works: Sequence[Adding | Settling], new: dict[str, int]) -> None:
        owners: dict[int, int] = {}
        for work in works:
            if isinstance(work, Adding):
                row = work.row
                row.owner = self._owner_for(connection, row.key, owners)
                row.subject = self._subject(connection, work.subject, new)
                work.is_full = not tables.insert(connection, row, self._limits)

    def _owner_for(self, connection: sqlite3.Connection, key: int | None, owners: dict[int, int]) -> int:
        if key is None:
            return self.owner
        if key not in owners:
            found = tables.owner_of_key(connection, key)
            owners[key] = self.owner if found is None else found
        return owners[key]

    def _subject(self, connection: sqlite3.Connection, name: str, new: dict[str, int]) -> int:
        known = self._subjects.get(name) or new.get(name)
        if known is None:
            known = new[name] = tables.subject_number(connection, name)
        return known

    # Messages

    def context(self, subject: str) -> bytes:
        """Return the context for which bodies of this file and *subject* are sealed."""
        return f"{self._context}/{subject}".encode()

    def opened(self, subject: str, checksum: bytes, body: bytes) -> OutboxMessage:
        """Return a stored message. Raises ValueError if it is damaged."""
        if not isinstance(body, bytes) or digest(subject, body) != checksum:
            raise ValueError("damaged")
        return OutboxMessage.unpacked(subject, self._sealing.unseal(body, self.context(subject)))

    # Connections

    @contextmanager
    def writer(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection that writes. Raises OutboxError for an error of SQLite, in the block too."""
        with self._writing, self._explained():
            self._check_open()
            if self._writer is None:
                self._writer = connect(self.path, self._synchronous)
            yield self._writer

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Hold a connection that reads beside the writer. Raises OutboxError as :meth:`writer` does."""
        with self._reading, self._explained():
            self._check_open()
            if self._reader is None:
                self._reader = connect(self.path, self._synchronous)
            yield self._reader

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_damage(error):
                raise OutboxDamagedError(
                    f"{self.path}: damaged; end the processes that use it, and the next start saves what can be read"
                ) from error
            raise OutboxError(f"{self.path}: {unusable(error)}") from error

    def pause(self) -> None:
        """Close the connections and hold them closed until :meth:`go_on`, which the same thread calls.

        A child that forks meanwhile inherits no connection: SQLite's locks would not work in a child that has one.
        """
        self._writing.acquire()
        self._reading.acquire()
        self._close_connections()

    def go_on(self) -> None:
        """End a pause; the connections open when they are needed."""
        self._reading.release()
        self._writing.release()

    def leave_to_the_parent(self) -> None:
        """Close the lock files in a forked child; the parent keeps its locks."""
        self._lock.leave()
        if self._owner_lock is not None:
            self._owner_lock.leave()

    def close(self) -> None:
        """Leave what waits to other processes, and close the file. Closes it too if it raises OutboxError."""
        try:
            with self.writer() as connection, transaction(connection):
                tables.take_over(connection, self.owner, tables.NO_OWNER)
        finally:
            if self._owner_lock is not None:
                self._owner_lock.remove()
            with self._writing, self._reading:
                self._is_closed = True
                self._close_connections()
            self._lock.leave()

    def _check_open(self) -> None:
        if self._is_closed:
            raise OutboxError(f"{self.path}: this outbox is closed; make a new one")

    def _close_connections(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None

    # Owners

    def register(self) -> None:
        """Become a new owner; take over what the owner that this was before has, if it was one."""
        with self.writer() as connection:
            with transaction(connection):
                owner = tables.add_owner(connection, os.getpid())
                lock = FileLock(owner_lock(self.path, owner))
                lock.try_to_own()
                if self.owner != tables.NO_OWNER:
                    tables.take_over(connection, self.owner, owner)
            self.owner = owner
        if self._owner_lock is not None:
            self._owner_lock.remove()
        self._owner_lock = lock


_OWNER: Final = "owner"


def owner_lock(path: Path, owner: int) -> Path:
    """Return the file that *owner* locks while it lives."""
    return path.with_name(f"{path.name}.{_OWNER}-{owner}")


def _settle(connection: sqlite3.Connection, work: Settling) -> None:
    for number in work.delivered:
        tables.delete(connection, number)
    for number, error in work.refused:
        tables.refuse(connection, number, error)
    for subject, note, tries in work.notes:
        tables.note_error(connection, subject, note, tries)
