"""Send what is in an outbox file, and show what it holds: under ``python -m headrace.producers outbox`` and the job's
command line.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headrace.errors import Exit
from headrace.producers.outbox import tables
from headrace.producers.outbox.end_signals import End, end_signals
from headrace.producers.outbox.errors import OutboxDamagedError, OutboxError, RelayError
from headrace.producers.outbox.file_locks import is_locked
from headrace.producers.outbox.opening import Synchronous, check_format, connect, is_damage, transaction, unusable
from headrace.producers.outbox.outbox import Outbox
from headrace.producers.outbox.session import Session, owner_lock
from headrace.producers.publisher import Publisher

if TYPE_CHECKING:
    from headrace.producers.outbox.relay import Relayed

SEND_SECONDS: Final = 60.0
DATABASE_URL: Final = "HEADRACE_OUTBOX_DATABASE_URL"
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Sent:
    """Result of :func:`send`, and of what the file still holds.

    *elsewhere* messages belong to processes that run and send them themselves.
    """

    sent: int
    left: int
    refused: int
    elsewhere: int
    damage: str = ""

    @property
    def exit_code(self) -> Exit:
        """``UNREACHABLE`` if something is left to be sent later, ``FOUND`` if something is refused or was lost."""
        if self.left:
            return Exit.UNREACHABLE
        return Exit.FOUND if self.refused or self.damage else Exit.DONE

    def __str__(self) -> str:
        parts = [f"sent: {self.sent:,}", f"left: {self.left:,}", f"refused: {self.refused:,}"]
        if self.elsewhere:
            parts.append(f"with running producers: {self.elsewhere:,}")
        return "; ".join([self.damage, *parts] if self.damage else parts)


def send(
    path: Path,
    publisher: Publisher,
    *,
    key: bytes | None = None,
    refused: bool = False,
    timeout: float = SEND_SECONDS,
    until: End | None = None,
) -> Sent:
    """Send what the file holds with *publisher*, which is closed at the end, and return what is left.

    With *refused*, the refused messages are tried again too. It goes on *until* that end has come. Without one, it ends
    when everything is sent, and gives up when nothing has arrived for *timeout* seconds.

    Raises:
        OutboxError: the file is missing or cannot be used.
    """
    _check_there(path)
    outbox = Outbox(path, key=key)
    outbox.start(publisher)
    try:
        session, sender = outbox.session, outbox.sender
        if refused:
            _restore(session)
        started = time.monotonic()
        while until is None or not until.has_come():
            if until is None:
                if not _left(session)[0]:
                    break
                if time.monotonic() - max(started, sender.last_arrival) > timeout:
                    break
            sender.wait_for_progress(_POLL_SECONDS)
        sender.stop()
        left, elsewhere = _left(session)
        found = _status(session)
        damage = "" if outbox.salvage is None else f"{path}: {outbox.salvage}"
        return Sent(sender.arrived, left, sum(each.refused for each in found), elsewhere, damage)
    finally:
        try:
            publisher.close()
        finally:
            outbox.close()


def following(follow: bool) -> AbstractContextManager[End | None]:
    """Return the end that a signal brings, to be entered; one that gives None without *follow*."""
    return end_signals() if follow else nullcontext()


def status(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row for each subject in the file, and what is true of the file as a whole. Changes nothing.

    Raises:
        OutboxError: the file is missing or cannot be used.
        OutboxDamagedError: it is damaged.
    """
    _check_there(path)
    try:
        with closing(connect(path, Synchronous.NORMAL)) as connection:
            check_format(path, connection)
            with transaction(connection):
                found = tables.status(connection)
                owners = tables.owners(connection)
                key_id = tables.meta(connection, "key")
                outbox = tables.meta(connection, "outbox")
    except sqlite3.Error as error:
        if is_damage(error):
            raise OutboxDamagedError(f"{path}: damaged; `outbox send` saves what can be read, and sends it") from error
        raise OutboxError(f"{path}: {unusable(error)}") from error
    running = [each.pid for each in owners if is_locked(owner_lock(path, each.id))]
    return [_as_row(each) for each in found], {
        "file": str(path),
        "outbox": outbox,
        "key_id": key_id or None,
        "waiting": sum(each.waiting for each in found),
        "refused": sum(each.refused for each in found),
        "producers": running,
    }


def _as_row(status: tables.SubjectStatus) -> dict[str, Any]:
    oldest = None if status.oldest is None else datetime.fromtimestamp(status.oldest, UTC)
    return {
        "subject": status.subject,
        "waiting": status.waiting,
        "bytes": status.bytes,
        "oldest": None if oldest is None else f"{oldest:%Y-%m-%dT%H:%M:%SZ}",
        "refused": status.refused,
        "refused_with": status.refused_with,
        "error": status.error,
        "tries": status.tries,
    }


def _check_there(path: Path) -> None:
    if not path.exists():
        raise OutboxError(f"{path}: no such file; name the outbox of a producer")


def _restore(session: Session) -> None:
    with session.writer() as writer, transaction(writer):
        tables.restore_refused(writer)


def _left(session: Session) -> tuple[int, int]:
    """Return how many messages wait for this process, and how many for others that run."""
    with session.reader() as reader:
        known = {each.id for each in tables.owners(reader)} - {session.owner}
        having = tables.owners_of_messages(reader)
        running = {each for each in known & having if is_locked(owner_lock(session.path, each)) is not False}
        counts = {each: tables.count(reader, each) for each in having}
    elsewhere = sum(counts[each] for each in running)
    return sum(counts.values()) - elsewhere, elsewhere


def _status(session: Session) -> list[tables.SubjectStatus]:
    with session.reader() as reader:
        return tables.status(reader)


def relay(
    url: str, publisher: Publisher, *, table: str, refused: bool = False, timeout: float, until: End | None = None
) -> Relayed:
    """Send what the transactional outbox *table* of the database at *url* holds. The arguments are those of `send`.

    Raises:
        RelayError: the database cannot be used; with *until*, only if *url* is wrong.
    """
    try:
        from headrace.producers.outbox.relay import Relay, open_database
        from headrace.producers.outbox.transactional import OutboxTables
    except ModuleNotFoundError as error:
        remedy = "run pip install 'headrace-producers[sqlalchemy]'"
        raise RelayError(f"relay: the distribution {error.name} is not installed; {remedy}") from error
    engine = open_database(url)
    try:
        relay = Relay(engine, publisher, OutboxTables(table))
        if refused:
            relay.retry_refused()
        if until is None:
            return relay.send_all(timeout)
        relay.run(until.has_come, until.wait)
        return relay.result()
    finally:
        publisher.close()
        engine.dispose()
