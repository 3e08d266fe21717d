"""The tables of an outbox file, and every statement on them.

``counters`` has one row: the number of the next message, and how many messages and bytes the file holds. Triggers keep
it, so that adding a message alone is one statement. ``messages`` has what waits, and ``refused`` what Pub/Sub refuses.
All messages of one ordering key in ``messages`` have one owner.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

APPLICATION: Final = 0x48524F42  # "HROB": how `file` and this module know an outbox from another database
FORMAT: Final = 1
NO_OWNER: Final = 0
_SCHEMA: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE counters (
        one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL, messages INTEGER NOT NULL,
        bytes INTEGER NOT NULL)""",
    "CREATE TABLE owners (id INTEGER PRIMARY KEY AUTOINCREMENT, pid INTEGER NOT NULL, beats INTEGER NOT NULL)",
    "CREATE TABLE subjects (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, error TEXT, tries INTEGER NOT NULL)",
    """CREATE TABLE messages (
        number INTEGER PRIMARY KEY, owner INTEGER NOT NULL, subject INTEGER NOT NULL, key INTEGER,
        added REAL NOT NULL, digest BLOB NOT NULL, body BLOB NOT NULL)""",
    "CREATE INDEX messages_by_owner ON messages (owner, subject)",
    "CREATE INDEX messages_by_key ON messages (key) WHERE key IS NOT NULL",
    """CREATE TABLE refused (
        number INTEGER PRIMARY KEY, subject INTEGER NOT NULL, key INTEGER, added REAL NOT NULL,
        digest BLOB NOT NULL, body BLOB NOT NULL, error TEXT NOT NULL)""",
    """CREATE TRIGGER count_message AFTER INSERT ON messages BEGIN
        UPDATE counters SET next = max(next, new.number + 1), messages = messages + 1,
            bytes = bytes + length(new.body); END""",
    """CREATE TRIGGER count_deletion AFTER DELETE ON messages BEGIN
        UPDATE counters SET messages = messages - 1, bytes = bytes - length(old.body); END""",
    """CREATE TRIGGER count_refusal AFTER INSERT ON refused BEGIN
        UPDATE counters SET messages = messages + 1, bytes = bytes + length(new.body); END""",
    """CREATE TRIGGER count_retry AFTER DELETE ON refused BEGIN
        UPDATE counters SET messages = messages - 1, bytes = bytes - length(old.body); END""",
)
_INSERT: Final = """
    INSERT INTO messages SELECT next, ?, ?, ?, ?, ?, ? FROM counters WHERE messages < ? AND bytes + ? <= ?
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most messages and bytes that the file holds."""

    messages: int
    bytes: int


@dataclass(slots=True)
class Row:
    """One message as it is stored. *number* is its place in the order of the file; *added* is in Unix seconds."""

    subject: int
    key: int | None
    added: float
    digest: bytes = field(repr=False)
    body: bytes = field(repr=False)
    number: int = 0
    owner: int = NO_OWNER


class Counters(NamedTuple):
    """The number of the next message, and what the file holds."""

    next: int
    messages: int
    bytes: int


class Owner(NamedTuple):
    """A process that sends; *beats* grows while it lives."""

    id: int
    pid: int
    beats: int


def create(connection: sqlite3.Connection, key_id: str) -> None:
    """Create the tables, inside the caller's transaction. Their pages are always the same ones of the file."""
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO counters VALUES (1, 1, 0, 0)")
    connection.execute("INSERT INTO meta VALUES ('outbox', ?), ('key', ?)", (uuid.uuid4().hex, key_id))
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def meta(connection: sqlite3.Connection, name: str) -> str:
    """Return a value of ``meta``."""
    (value,) = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return str(value)


def counters(connection: sqlite3.Connection) -> Counters:
    """Return the counters."""
    return Counters(*connection.execute("SELECT next, messages, bytes FROM counters").fetchone())


def skip_numbers(connection: sqlite3.Connection, next_: int) -> None:
    """Give no number below *next_* to a new message."""
    connection.execute("UPDATE counters SET next = max(next, ?)", (next_,))


def subject_number(connection: sqlite3.Connection, name: str) -> int:
    """Return the number of a subject, which is added if it is new."""
    connection.execute("INSERT OR IGNORE INTO subjects (name, tries) VALUES (?, 0)", (name,))
    (number,) = connection.execute("SELECT id FROM subjects WHERE name = ?", (name,)).fetchone()
    return int(number)


def subjects(connection: sqlite3.Connection) -> dict[int, str]:
    """Return the names of all subjects by number."""
    return dict(connection.execute("SELECT id, name FROM subjects"))


def note_error(connection: sqlite3.Connection, subject: int, error: str | None, tries: int) -> None:
    """Note why the messages of *subject* are not sent at present; None when they are."""
    connection.execute("UPDATE subjects SET error = ?, tries = ? WHERE id = ?", (error, tries, subject))


def owner_of_key(connection: sqlite3.Connection, key: int) -> int | None:
    """Return the owner of the messages with this ordering key, or None without such messages."""
    found = connection.execute("SELECT owner FROM messages WHERE key = ? LIMIT 1", (key,)).fetchone()
    return None if found is None else int(found[0])


def insert(connection: sqlite3.Connection, row: Row, limits: Limits) -> bool:
    """Insert a message, and set its number; return False if it does not fit into *limits*."""
    size = len(row.body)
    values = row.owner, row.subject, row.key, row.added, row.digest, row.body, limits.messages, size, limits.bytes
    done = connection.execute(_INSERT, values)
    if done.rowcount != 1:
        return False
    row.number = done.lastrowid or 0
    return True


def insert_saved(connection: sqlite3.Connection, row: Row) -> None:
    """Insert a message that has its number."""
    connection.execute(
        "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)",
        (row.number, row.owner, row.subject, row.key, row.added, row.digest, row.body),
    )


def delete(connection: sqlite3.Connection, number: int) -> bool:
    """Delete a message. Return False if another process has deleted it."""
    return connection.execute("DELETE FROM messages WHERE number = ?", (number,)).rowcount == 1


def refuse(connection: sqlite3.Connection, number: int, error: str) -> None:
    """Move a message to those that Pub/Sub refuses."""
    columns = "number, subject, key, added, digest, body"
    connection.execute(
        f"INSERT OR IGNORE INTO refused SELECT {columns}, ? FROM messages WHERE number = ?",  # noqa: S608 our own names
        (error, number),
    )
    connection.execute("DELETE FROM messages WHERE number = ?", (number,))


def waiting(
    connection: sqlite3.Connection, owner: int, subject: int, after: int, at_most: int
) -> Generator[tuple[int, bytes, bytes], None, None]:
    """Yield number, digest and body of messages of one owner and subject, in their order."""
    found = connection.execute(
        "SELECT number, digest, body FROM messages WHERE owner = ? AND subject = ? AND number > ? "
        "ORDER BY number LIMIT ?",
        (owner, subject, after, at_most),
    )
    try:
        yield from found
    finally:
        found.close()  # a statement that is not at its end would hold back checkpoints


def still_there(connection: sqlite3.Connection, numbers: Sequence[int]) -> set[int]:
    """Return those of *numbers* that wait."""
    found: set[int] = set()
    for number in numbers:
        found.update(each for (each,) in connection.execute("SELECT number FROM messages WHERE number = ?", (number,)))
    return found


def refusal(connection: sqlite3.Connection, number: int) -> str | None:
    """Return the name of the error with which a message was refused; None if it is not refused."""
    found = connection.execute("SELECT error FROM refused WHERE number = ?", (number,)).fetchone()
    return None if found is None else str(found[0])


def add_owner(connection: sqlite3.Connection, pid: int) -> int:
    """Add a process that sends; return its number, which is never used again."""
    return int(connection.execute("INSERT INTO owners (pid, beats) VALUES (?, 0)", (pid,)).lastrowid or 0)


def beat(connection: sqlite3.Connection, owner: int) -> bool:
    """Note that *owner* lives. Return False if another process has taken its messages over."""
    return connection.execute("UPDATE owners SET beats = beats + 1 WHERE id = ?", (owner,)).rowcount == 1


def owners(connection: sqlite3.Connection) -> list[Owner]:
    """Return every process that sends."""
    return [Owner(*each) for each in connection.execute("SELECT id, pid, beats FROM owners ORDER BY id")]


def take_over(connection: sqlite3.Connection, old: int, new: int) -> int:
    """Give the messages of *old* to *new*, and forget *old*; return how many messages these are."""
    connection.execute("DELETE FROM owners WHERE id = ?", (old,))
    return connection.execute("UPDATE messages SET owner = ? WHERE owner = ?", (new, old)).rowcount


def owners_of_messages(connection: sqlite3.Connection) -> set[int]:
    """Return the owners that have messages which wait."""
    found: set[int] = set()
    last = -1
    while True:  # one look into the index for each owner; DISTINCT would read all of it
        (least,) = connection.execute("SELECT min(owner) FROM messages WHERE owner > ?", (last,)).fetchone()
        if least is None:
            return found
        last = int(least)
        found.add(last)


def has_unknown_subjects(connection: sqlite3.Connection) -> bool:
    """Return whether a message has a subject that is not in the file."""
    statement = "SELECT 1 FROM messages WHERE subject NOT IN (SELECT id FROM subjects) LIMIT 1"
    return connection.execute(statement).fetchone() is not None


def left(connection: sqlite3.Connection, owner: int, until: int) -> bool:
    """Return whether messages of *owner* with a number up to *until* wait."""
    return (
        connection.execute("SELECT 1 FROM messages WHERE owner = ? AND number <= ? LIMIT 1", (owner, until)).fetchone()
        is not None
    )


def count(connection: sqlite3.Connection, owner: int) -> int:
    """Return how many messages of *owner* wait."""
    return int(connection.execute("SELECT count(*) FROM messages WHERE owner = ?", (owner,)).fetchone()[0])


def restore_refused(connection: sqlite3.Connection) -> None:
    """Let the refused messages wait again, behind the others, inside the caller's transaction."""
    for number, key in connection.execute("SELECT number, key FROM refused ORDER BY number").fetchall():
        owner = None if key is None else owner_of_key(connection, key)
        connection.execute(
            "INSERT INTO messages SELECT (SELECT next FROM counters), ?, subject, key, added, digest, body "
            "FROM refused WHERE number = ?",
            (NO_OWNER if owner is None else owner, number),
        )
    connection.execute("DELETE FROM refused")


class SubjectStatus(NamedTuple):
    """Contents of the file for one subject. *oldest* is in Unix seconds; *error* is why nothing is sent at present."""

    subject: str
    waiting: int
    bytes: int
    oldest: float | None
    refused: int
    refused_with: str | None
    error: str | None
    tries: int


def status(connection: sqlite3.Connection) -> list[SubjectStatus]:
    """Return what the file holds, by subject."""
    found = connection.execute(
        """
        SELECT name, coalesce(waiting, 0), coalesce(bytes, 0), oldest, coalesce(refused, 0), errors, error, tries
        FROM subjects
        LEFT JOIN (SELECT subject, count(*) AS waiting, sum(length(body)) AS bytes, min(added) AS oldest
                   FROM messages GROUP BY subject) AS w ON w.subject = id
        LEFT JOIN (SELECT subject, count(*) AS refused, group_concat(DISTINCT error) AS errors
                   FROM refused GROUP BY subject) AS r ON r.subject = id
        ORDER BY name
        """
    )
    return [SubjectStatus(*each) for each in found]
