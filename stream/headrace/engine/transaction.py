"""The changes to the journal within one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import apsw

from headrace.steps.circuit_breaker import CircuitState

_DELETED: Final = 4  # forgotten chunks to delete for each chunk that is added, so that each commit leaves fewer of them


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A committed batch that is not known to be written or refused: the bytes to append, with *notes* on each row."""

    seq: int
    count: int
    schema: bytes = field(repr=False)
    rows: bytes = field(repr=False)
    notes: bytes = field(repr=False)


class Transaction:
    """The changes of one commit; *target* is a table's name."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._execute: Callable[..., Any] = connection.execute

    def add_pending(self, target: str, count: int, schema: bytes, rows: bytes, notes: bytes) -> StoredBatch:
        """Add a batch to the end of its table's queue."""
        insert = "INSERT INTO pending_batches (target, count, schema, rows, notes) VALUES (?, ?, ?, ?, ?) RETURNING seq"
        (seq,) = self._execute(insert, (target, count, schema, rows, notes)).fetchone()
        return StoredBatch(seq, count, schema, rows, notes)

    def remove_pending(self, seq: int) -> None:
        """Remove a batch from the queue, because its outcome is in this transaction."""
        self._execute("DELETE FROM pending_batches WHERE seq = ?", (seq,))

    def advance(self, target: str, count: int) -> None:
        """Record that *count* more rows are in the target's stream."""
        self._execute("UPDATE streams SET next_offset = next_offset + ? WHERE target = ?", (count, target))

    def open_stream(self, target: str, name: str) -> None:
        """Append to the stream *name* from now on, from offset 0; the count of rows includes the former stream."""
        self._add("rows", target, self._offset(target))
        self._execute("INSERT OR REPLACE INTO streams VALUES (?, ?, 0)", (target, name))

    def remember(self, target: str, generation: int, newest: int, entries: bytes) -> None:
        """Remember packed ids; *newest* is the latest publish time among them.

        Also delete some of the ids that are forgotten; it would take long to delete all of them at once.
        """
        insert = "INSERT INTO ids (target, generation, newest, entries) VALUES (?, ?, ?, ?)"
        self._execute(insert, (target, generation, newest, entries))
        some = "SELECT seq FROM ids WHERE target = ? AND generation < ? LIMIT ?"
        self._execute(f"DELETE FROM ids WHERE seq IN ({some})", (target, generation - 1, _DELETED))  # noqa: S608

    def start_generation(self, target: str, generation: int, since: int) -> None:
        """Forget the ids of the generation before the last; ids are complete for messages published after *since*."""
        self._execute(
            "UPDATE remembered SET generation = ?, since = max(since, ?) WHERE target = ?", (generation, since, target)
        )

    def remember_since(self, target: str, moment: int) -> None:
        """Record that ids are complete only for messages published after *moment*."""
        self._execute(
            "INSERT INTO remembered VALUES (?, 0, ?) ON CONFLICT (target) DO UPDATE SET since = max(since, ?)",
            (target, moment, moment),
        )

    def receive(self, target: str, generation: int, entries: bytes) -> None:
        """Remember messages whose outcome is durable, and forget those of all but the last two generations."""
        if entries:
            insert = "INSERT INTO receipts (target, generation, entries) VALUES (?, ?, ?)"
            self._execute(insert, (target, generation, entries))
            some = "SELECT seq FROM receipts WHERE target = ? AND generation < ? LIMIT ?"
            self._execute(f"DELETE FROM receipts WHERE seq IN ({some})", (target, generation - 1, _DELETED))  # noqa: S608

    def forget(self, target: str) -> None:
        """Forget all that is remembered about *target*: ids, messages, witnesses, and the settled parts of files.

        Packed ids stay in the journal until they are deleted a few at a time, but are never read again.
        """
        self._execute("UPDATE remembered SET generation = generation + 2 WHERE target = ?", (target,))
        self._execute("DELETE FROM receipts WHERE target = ?", (target,))
        for kind in ("witnesses", "place", "reached"):
            name = f"{kind} {target} "
            self._execute("DELETE FROM meta WHERE substr(name || ' ', 1, ?) = ?", (len(name), name))

    def identify(self, target: str, identity: str) -> None:
        """Record the identity of the table *target*; all that is remembered about it refers to this identity."""
        self._execute("INSERT OR REPLACE INTO meta VALUES ('table ' || ?, ?)", (target, identity))

    def replace_table(self, target: str, identity: str) -> int:
        """Record that *target* is another table; return the number of rows of the former one without a tally.

        Record the number of the other rows as gone, in case their tallies are lost later, too.
        """
        rows, uncounted = self._rows_of(target), self._number("uncounted", target)
        self._add("gone", target, rows - uncounted)
        self._set("uncounted", target, 0)
        self._set("rows", target, -self._offset(target))
        self.identify(target, identity)
        return uncounted

    def replace_tallies(self, target: str, waiting: int) -> int:
        """Record that the table of tallies is another one; return how many lost rows of *target* nothing counts now.

        The counts of *waiting* further rows go to the new table, because they were not appended to the former one.
        """
        gone = self._number("gone", target)
        self._set("gone", target, 0)
        self._set("uncounted", target, max(self._rows_of(target) - waiting, 0))
        return gone

    def _rows_of(self, target: str) -> int:
        """Return the number of rows that were appended to the current table *target*."""
        return self._number("rows", target) + self._offset(target)

    def _offset(self, target: str) -> int:
        found = self._execute("SELECT next_offset FROM streams WHERE target = ?", (target,)).fetchone()
        return int(found[0]) if found else 0

    def _number(self, what: str, target: str) -> int:
        found = self._execute("SELECT value FROM meta WHERE name = ?", (f"{what} {target}",)).fetchone()
        return int(found[0]) if found else 0

    def _set(self, what: str, target: str, value: int) -> None:
        self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"{what} {target}", value))

    def _add(self, what: str, target: str, more: int) -> None:
        self._set(what, target, self._number(what, target) + more)

    def keep_witnesses(self, target: str, text: str) -> None:
        """Store some rows that are in the table from this commit on."""
        self._execute("INSERT OR REPLACE INTO meta VALUES ('witnesses ' || ?, ?)", (target, text))

    def count_claim(self) -> int:
        """Return the number of the next statement of this engine's claim, and commit it before the statement."""
        query = (
            "INSERT INTO meta VALUES ('claims', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        )
        (number,) = self._execute(query).fetchone()
        return int(number)

    def take_over(self, targets: Iterable[str]) -> None:
        """Record that an engine with another journal has received messages of those *targets* that are known here."""
        note = """
            INSERT OR REPLACE INTO meta
            SELECT 'taken_over ' || target, 1 FROM (SELECT target FROM streams UNION SELECT target FROM remembered)
            WHERE target = ?
        """
        for target in targets:
            self._execute(note, (target,))

    def settle_takeover(self, target: str) -> None:
        """Record that nothing from before the takeover is open for *target*."""
        self._execute("DELETE FROM meta WHERE name = 'taken_over ' || ?", (target,))

    def note_circuit(self, subject: str, state: CircuitState) -> None:
        """Record the state of the circuit of *subject*."""
        self._execute("DELETE FROM meta WHERE name = 'circuit ' || ?", (subject,))
        if state is not CircuitState.CLOSED:
            self._execute("INSERT INTO meta VALUES ('circuit ' || ?, ?)", (subject, str(state)))

    def note_place(self, target: str, file: str, line: int) -> None:
        """Record that the lines of *file* up to *line* have their outcome in *target*."""
        self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"place {target} {file}", line))

    def note_reached(self, target: str, source: str, reached: str) -> None:
        """Record the position up to which rows of *source* have their outcome in *target*."""
        self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"reached {target} {source}", reached))

    def tally(self, counts: bytes) -> None:
        """Store counts until they are appended to the table of tallies."""
        self._execute("INSERT INTO tallies (counts) VALUES (?)", (counts,))

    def forget_tallies(self, last: int) -> None:
        """Delete the counts up to *last*, which are in a batch of this transaction."""
        self._execute("DELETE FROM tallies WHERE seq <= ?", (last,))
