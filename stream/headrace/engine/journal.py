"""The embedded engine's journal on disk: each batch is committed here before it is appended to a table.

SQLite in WAL mode with ``synchronous=FULL``: a transaction that returned survives ``kill -9`` and a power cut, and a
torn tail is dropped when the file is opened. Rows in it are masked; no message as it came is ever kept here.
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
    """The ids of one target: packed entries of two generations, since when they are complete, and the latest publish
    time among them (microseconds). The entries are read while they are gone through, once."""

    generation: int
    since: int
    newest: int
    older: Iterable[bytes] = field(repr=False)
    recent: Iterable[bytes] = field(repr=False)


class Journal:
    """One engine's journal. Thread-safe; every transaction checks that this process still owns it."""

    def __init__(self, connection: apsw.Connection, directory: Path) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self._broken = ""
        self.directory = directory
        self.lease = JournalLease(connection, directory)

    @classmethod
    def open(cls, directory: Path, vfs: str | None = None) -> Journal:
        """Open the journal in *directory*, which is made (0700) when it is not there; JournalError when it cannot."""
        return cls(open_connection(directory, vfs), directory)

    @property
    def id(self) -> str:
        """The journal's own id, made once with the file."""
        with self._lock:
            return str(self._value("journal"))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Change all or nothing; durable on return.

        Raises:
            FencedError: another engine has taken the journal over.
            DiskFullError: no room; nothing was changed.
            JournalBrokenError: the disk failed; what is on it is not known.
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
        """Own the journal from now on; InUseError when somebody else does. *now* in microseconds since 1970."""
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
        """How many statements of this engine's claim were numbered."""
        with self._lock:
            return int(self._value("claims") or 0)

    def is_taken_over(self, target: str) -> bool:
        """Whether another journal's engine has been given the messages of *target* since this one wrote."""
        with self._lock:
            return self._value(f"taken_over {target}") is not None

    def circuits(self) -> dict[str, CircuitState]:
        """The state of each subject's circuit that is not simply closed."""
        rows = self._rows("SELECT name, value FROM meta WHERE name GLOB 'circuit *' ORDER BY name")
        return {name.removeprefix("circuit "): CircuitState(state) for name, state in rows}

    def force_circuit_closed(self, subject: str) -> None:
        """Have the engine that owns this journal, or the next one, go on with a subject whose circuit is open."""
        with self._lock, self._named_errors():
            update = "UPDATE meta SET value = ? WHERE name = 'circuit ' || ? AND value = ?"
            self._connection.execute(update, (str(CircuitState.FORCED_CLOSED), subject, str(CircuitState.OPEN)))

    def place(self, target: str, file: str) -> int:
        """The last line of *file* that has its outcome in *target*, as those before it have; 0 when none has."""
        return int(self._value(f"place {target} {file}") or 0)

    def reached(self, target: str, source: str) -> str | None:
        """How far the rows of *source* have their outcome in *target*, as it was noted; None when none has."""
        return self._text(f"reached {target} {source}")

    def identity(self, target: str) -> str | None:
        """Which table *target* was when it was served last; None when that is not known."""
        return self._text(f"table {target}")

    def identities(self) -> list[str]:
        """Which table each target was when it was served last."""
        return [str(value) for (value,) in self._rows("SELECT value FROM meta WHERE name GLOB 'table *' ORDER BY name")]

    def witnesses(self, target: str) -> str | None:
        """Some rows that were written to *target* lately, as they were kept."""
        return self._text(f"witnesses {target}")

    def stream(self, target: str) -> tuple[str, int] | None:
        """The stream that *target* is appended to, and the offset of its next batch."""
        row = self._rows("SELECT name, next_offset FROM streams WHERE target = ?", target)
        return row[0] if row else None

    def streams(self) -> list[str]:
        """Every stream this journal appends to."""
        return [name for (name,) in self._rows("SELECT name FROM streams ORDER BY target")]

    def pending(self, target: str) -> list[StoredBatch]:
        """Batches committed for *target* whose outcome is open, in order."""
        query = "SELECT seq, count, schema, rows, notes FROM pending_batches WHERE target = ? ORDER BY seq"
        return [StoredBatch(*row) for row in self._rows(query, target)]

    def remembered(self, target: str) -> Remembered | None:
        """The ids of *target*; None when it was never served."""
        found = self._rows("SELECT generation, since FROM remembered WHERE target = ?", target)
        if not found:
            return None
        ((generation, since),) = found
        ((newest,),) = self._rows("SELECT coalesce(max(newest), 0) FROM ids WHERE target = ?", target)
        older, recent = (self._entries(target, each) for each in (generation - 1, generation))
        return Remembered(generation, since, newest, older, recent)

    def since(self, target: str) -> int:
        """Since when the ids of *target* are complete, by publish time in microseconds."""
        return int(self._rows("SELECT since FROM remembered WHERE target = ?", target)[0][0])

    def receipts(self, target: str) -> list[tuple[int, bytes]]:
        """Packed receipts of *target*, each with its generation."""
        return self._rows("SELECT generation, entries FROM receipts WHERE target = ? ORDER BY seq", target)

    def tallies(self) -> tuple[int, list[bytes]]:
        """The counts kept so far, and the number of the last of them."""
        kept = self._rows("SELECT seq, counts FROM tallies ORDER BY seq")
        return (kept[-1][0] if kept else 0), [counts for _, counts in kept]

    def facts(self) -> dict[str, Any]:
        """What the journal holds, in numbers, for people."""
        ids = """
            SELECT coalesce(sum(length(entries) / 24), 0) FROM ids JOIN remembered USING (target)
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
        """Give the journal up in good order: the next engine need not wait."""
        with self._lock:
            self.lease.release()
            self._connection.close()

    def in_flight(self) -> int:
        """How many rows are committed whose outcome is open."""
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
