"""Transactional outbox: events are written into a table of the application's own database, in its own transaction.

Needs SQLAlchemy 2 (extra ``sqlalchemy``). :mod:`headrace.producers.outbox.relay` sends what is committed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import sqlalchemy as sa

from headrace.producers.compression import COMPRESS_FROM
from headrace.producers.contract_sources import ContractSource, read_contracts
from headrace.producers.event_messages import EventMessages, EventObject, utc_now
from headrace.producers.large_events import check_fits
from headrace.producers.outbox.message import OutboxMessage, key_number

TABLE: Final = "headrace_outbox"
LANES: Final = 16  # at most so many relays send at the same time
_BODY_BYTES: Final = 16_777_215  # MySQL's MEDIUMBLOB; its BLOB would end at 64 KiB
_SUBJECT_CHARACTERS: Final = 255


class Executor(Protocol):
    """A ``sqlalchemy.Connection`` or a ``sqlalchemy.orm.Session``."""

    def execute(self, statement: Any, /) -> Any:
        """Execute a statement in the current transaction."""


class OutboxTables:
    """Definition of the tables; *messages* is called *name*, and *lanes* has a row for each lane.

    With the application's own *metadata*, its migrations create the tables. Then ``fill_lanes`` inserts the lanes.
    """

    def __init__(self, name: str = TABLE, metadata: sa.MetaData | None = None) -> None:
        self.metadata = sa.MetaData() if metadata is None else metadata
        self.messages = sa.Table(
            name,
            self.metadata,
            sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
            sa.Column("lane", sa.SmallInteger(), nullable=False),
            sa.Column("subject", sa.String(_SUBJECT_CHARACTERS), nullable=False),
            sa.Column("body", sa.LargeBinary(_BODY_BYTES), nullable=False),
            sa.Column("added", sa.DateTime(), nullable=False),  # in UTC
            sa.Column("refused_with", sa.String(_SUBJECT_CHARACTERS)),  # name of the error; NULL while it waits
            sa.Index(f"{name}_by_lane", "refused_with", "lane", "subject", "id"),
        )
        self.lanes = sa.Table(
            f"{name}_lanes",
            self.metadata,
            sa.Column("lane", sa.SmallInteger(), primary_key=True, autoincrement=False),
            sa.Column("holder", sa.String(_SUBJECT_CHARACTERS)),  # on SQLite, which has no locks on rows
            sa.Column("held_until", sa.Float(53)),
        )

    def create(self, engine: sa.Engine) -> None:
        """Create the tables that are missing, and the lanes."""
        self.metadata.create_all(engine, tables=[self.messages, self.lanes])
        with engine.begin() as connection:
            self.fill_lanes(connection)

    def fill_lanes(self, connection: Executor) -> None:
        """Insert the lanes that are missing, in the caller's transaction."""
        there = {lane for (lane,) in connection.execute(sa.select(self.lanes.c.lane))}
        missing = [{"lane": lane} for lane in range(LANES) if lane not in there]
        if missing:
            connection.execute(sa.insert(self.lanes).values(missing))


class TransactionalOutbox:
    """Writes events of *contracts*, a source as of ``EventProducer``, into *tables*. Thread-safe.

    *source* becomes ``ce-source``. Payloads are compressed from *compress_from* bytes on, as ``EventProducer`` does it.
    """

    def __init__(
        self,
        *,
        source: str,
        contracts: ContractSource,
        tables: OutboxTables | None = None,
        now: Callable[[], datetime] = utc_now,
        compress_from: int | None = COMPRESS_FROM,
    ) -> None:
        self.tables = tables or OutboxTables()
        self._messages, self._now = EventMessages(read_contracts(contracts), source, now, compress_from), now

    def create(self, engine: sa.Engine) -> None:
        """Create the tables that are missing."""
        self.tables.create(engine)

    def add(
        self,
        connection: Executor,
        subject: str,
        fields: Mapping[str, Any] | EventObject,
        *,
        event_id: str | None = None,
        ordering_key: str | None = None,
    ) -> str:
        """Check *fields* against the newest contract of *subject*, and write the event in the caller's transaction.

        The event arrives if that transaction is committed, and never if it is rolled back. *connection* is a connection
        or a session; the other arguments are those of ``EventProducer.publish``. Returns the event's id.

        Raises:
            UnknownSchemaError, InvalidEventError, ValueError: as ``EventProducer.publish``; nothing was written.
            MessageTooLargeError: the event does not fit into a message; nothing was written, nor uploaded.
        """
        message = self._messages.make(subject, fields, event_id, ordering_key)
        check_fits(message)
        event_id = message.attributes["ce-id"]
        key = key_number(message.ordering_key)
        values = {
            "lane": (zlib.crc32(event_id.encode()) if key is None else key) % LANES,
            "subject": message.subject,
            "body": OutboxMessage(*message).packed(),
            "added": self._now().astimezone(UTC).replace(tzinfo=None),
        }
        connection.execute(sa.insert(self.tables.messages).values(values))
        return event_id
