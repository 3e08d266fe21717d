"""The embedded engine's journal on disk: each batch is committed here before it is appended to a table.

The journal is an SQLite file in WAL mode with ``synchronous=FULL``. A committed transaction survives ``kill -9`` and a
power cut, and a torn last transaction is removed when the file is opened. Rows in the journal are masked; it never has
an original message.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw

from headrace.engine.journal_errors import (
    ELSEWHERE,
    DiskFullError,
    JournalBrokenError,
    JournalError,
    damaged,
    half_written,
    is_damage,
)
from headrace.engine.journal_lease import JournalLease
from headrace.engine.journal_opening import open_connection
from headrace.engine.transaction import StoredBatch, Transaction
from headrace.steps.circuit_breaker import CircuitState

_CHUNKS_A_READ: Final = 100


@dataclass(frozen=True, slots=True)
class Remembered:
    """The remembered ids of one target, as packed entries of two generations.

    The ids of messages published after *since* are complete, and *newest* is the latest publish time among them, both
    in microseconds. The entries are read from disk during iteration, which is possible once.
    """

    generation: int
    since: int
    newest: int
    older: Iterable[bytes] = field(repr=False)
    recent: Iterable[bytes] = field(repr=False)


class Journal:
    """One engine's journal. Thread-safe. Every transaction checks that this process still owns the journal."""

    def __init__(self, connection: apsw.Connection, directory: Path) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self._broken = ""
        self.directory = directory
        self.lease = JournalLease(connection, directory)

    @classmethod
    def open(cls, directory: Path, vfs: str | None = None) -> Journal:
        """Open the journal in *directory*, which is created with mode 0700 if it is missing. Raises JournalError."""
        return cls(open_connection(directory, vfs), directory)

    @property
    def id(self) -> str:
        """The journal's own id, which is created with the file."""
        with self._lock:
            return str(self._value("journal"))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit all changes of the block, or none; they are durable when the block has ended.

        Raises:
            FencedError: another engine has taken the journal over.
            DiskFullError: the disk is full; nothing was changed.
            JournalBrokenError: the disk failed; its content is unknown.
        """
        with self._lock, self._named_errors():
            if self._broken:
                raise JournalBrokenError(self._broken)
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self.lease.check()
                yield Transaction(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def claim(self, holder: str, now: int, lease_seconds: float) -> None:
        """Take the ownership of the journal; *now* is in microseconds since 1970.

        Raises:
            InUseError: another process owns the journal.
        """
        with self._lock, self._named_errors():
            try:
                self.lease.claim(holder, now, lease_seconds)
            except OSError as error:
                raise JournalError(f"{self.directory}: cannot be used ({error.strerror}); {ELSEWHERE}") from error

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except apsw.FullError as error:
            raise DiskFullError(
                f"{self.directory}: no space left for the journal; free some, it goes on by itself"
            ) from error
        except apsw.BusyError as error:
            raise JournalError(f"{self.directory}: another process holds the journal; end it first") from error
        except (apsw.IOError, apsw.CorruptError, apsw.NotADBError) as error:
            self._broken = damaged(self.directory) if is_damage(error) else half_written(self.directory)
            raise JournalBrokenError(self._broken) from error
        except apsw.ReadOnlyError as error:
            raise JournalError(f"{self.directory}: the file system has become read-only; {ELSEWHERE}") from error

    def claims_stated(self) -> int:
        """Return the number of the last statement of this engine's claim."""
        with self._lock:
            return int(self._value("claims") or 0)

    def is_taken_over(self, target: str) -> bool:
        """Return whether an engine with another journal has received messages of *target* since this one wrote."""
        with self._lock:
            return self._value(f"taken_over {target}") is not None

    def circuits(self) -> dict[str, CircuitState]:
        """Return the state of each subject's circuit, except of circuits that are closed."""
        rows = self._rows("SELECT name, value FROM meta WHERE name GLOB 'circuit *' ORDER BY name")
        return {name.removeprefix("circuit "): CircuitState(state) for name, state in rows}

    def force_circuit_closed(self, subject: str) -> None:
        """Close the circuit of a subject if it is open, for the engine that owns this journal now or next."""
        with self._lock, self._named_errors():
            update = "UPDATE meta SET value = ? WHERE name = 'circuit ' || ? AND value = ?"
            self._connection.execute(update, (str(CircuitState.FORCED_CLOSED), subject, str(CircuitState.OPEN)))

    def place(self, target: str, file: str) -> int:
        """Return the last line of *file* up to which all lines have an outcome in *target*, or 0 if no line has."""
        return int(self._value(f"place {target} {file}") or 0)

    def reached(self, target: str, source: str) -> str | None:
        """Return the recorded position up to which rows of *source* have an outcome in *target*, or None."""
        return self._text(f"reached {target} {source}")

    def identity(self, target: str) -> str | None:
        """Return the identity of the table *target* when it was last served, or None if it is unknown."""
        return self._text(f"table {target}")

    def identities(self) -> list[str]:
        """Return the identity of each target's table when it was last served."""
        return [str(value) for (value,) in self._rows("SELECT value FROM meta WHERE name GLOB 'table *' ORDER BY name")]

    def witnesses(self, target: str) -> str | None:
        """Return some rows that were recently written to *target*, in their stored form, or None."""
        return self._text(f"witnesses {target}")

    def stream(self, target: str) -> tuple[str, int] | None:
        """Return the stream to which rows of *target* are appended and the offset of the next batch, or None."""
        row = self._rows("SELECT name, next_offset FROM streams WHERE target = ?", target)
        return row[0] if row else None

    def streams(self) -> list[str]:
        """Return all streams to which this engine appends."""
        return [name for (name,) in self._rows("SELECT name FROM streams ORDER BY target")]

    def pending(self, target: str) -> list[StoredBatch]:
        """Return the batches committed for *target* whose outcome is open, in their order."""
        query = "SELECT seq, count, schema, rows, notes FROM pending_batches WHERE target = ? ORDER BY seq"
        return [StoredBatch(*row) for row in self._rows(query, target)]

    def remembered(self, target: str) -> Remembered | None:
        """Return the remembered ids of *target*, or None if it was never served."""
        found = self._rows("SELECT generation, since FROM remembered WHERE target = ?", target)
        if not found:
            return None
        ((generation, since),) = found
        ((newest,),) = self._rows("SELECT coalesce(max(newest), 0) FROM ids WHERE target = ?", target)
        older, recent = (self._entries(target, each) for each in (generation - 1, generation))
        return Remembered(generation, since, newest, older, recent)

    def since(self, target: str) -> int:
        """Return the publish time, in microseconds, after which the ids of *target* are complete."""
        return int(self._rows("SELECT since FROM remembered WHERE target = ?", target)[0][0])

    def receipts(self, target: str) -> list[tuple[int, bytes]]:
        """Return the packed receipts of *target*, each with its generation."""
        return self._rows("SELECT generation, entries FROM receipts WHERE target = ? ORDER BY seq", target)

    def tallies(self) -> tuple[int, list[bytes]]:
        """Return the number of the last stored counts, and all stored counts."""
        kept = self._rows("SELECT seq, counts FROM tallies ORDER BY seq")
        return (kept[-1][0] if kept else 0), [counts for _, counts in kept]

    def facts(self) -> dict[str, Any]:
        """Return the contents of the journal in numbers, for people."""
        ids = """
            SELECT coalesce(sum(length(entries) / 24 - (substr(entries, 1, 16) = zeroblob(16))), 0)
            FROM ids JOIN remembered USING (target)
            WHERE ids.generation >= remembered.generation - 1
        """
        return {
            "journal": self.id,
            "epoch": self._value("epoch"),
            "holder": self._value("holder"),
            "bytes": sum(path.stat().st_size for path in self.directory.iterdir()),
            "ids_remembered": self._rows(ids)[0][0],
            "tallies_waiting": self._rows("SELECT count(*) FROM tallies")[0][0],
            "tables": [
                {"table": target, "stream": name, "next_offset": offset, "in_flight": self._in_flight(target)}
                for target, name, offset in self._rows("SELECT target, name, next_offset FROM streams ORDER BY target")
            ],
        }

    def close(self) -> None:
        """Release and close the journal, so that the next engine need not wait for the lease."""
        with self._lock:
            self.lease.release()
            self._connection.close()

    def in_flight(self) -> int:
        """Return the number of committed rows whose outcome is open."""
        return int(self._rows("SELECT coalesce(sum(count), 0) FROM pending_batches")[0][0])

    def _entries(self, target: str, generation: int) -> Iterator[bytes]:
        query = "SELECT seq, entries FROM ids WHERE target = ? AND generation = ? AND seq > ? ORDER BY seq LIMIT ?"
        last = -1
        while rows := self._rows(query, target, generation, last, _CHUNKS_A_READ):
            last = rows[-1][0]
            yield from (entries for _, entries in rows)

    def _in_flight(self, target: str) -> int:
        return int(self._rows("SELECT coalesce(sum(count), 0) FROM pending_batches WHERE target = ?", target)[0][0])

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._lock, self._named_errors():
            return list(self._connection.execute(query, values))

    def _text(self, name: str) -> str | None:
        found = self._value(name)
        return None if found is None else str(found)

    def _value(self, name: str) -> Any:
        found = self._rows("SELECT value FROM meta WHERE name = ?", name)
        return found[0][0] if found else None
