"""Relay: sends what a transactional outbox holds, and deletes what has arrived."""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from headrace.errors import Exit
from headrace.producers.outbox.errors import RelayError
from headrace.producers.outbox.lane import Lane, error_name
from headrace.producers.outbox.message import OutboxMessage
from headrace.producers.outbox.transactional import OutboxTables
from headrace.producers.publisher import Publisher

BATCH_MESSAGES: Final = 500
SETTLE_SECONDS: Final = 20.0  # a message that is not confirmed by then is sent again
POLL_SECONDS: Final = 0.2
LEASE_SECONDS: Final = 2 * SETTLE_SECONDS  # on SQLite
_SEND_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS: Final = 0.5
_MAX_PAUSE_SECONDS: Final = 30.0

_log = logging.getLogger(__name__)


class Relayed(NamedTuple):
    """Result of a run of the relay; *left* and *refused* messages are still in the table."""

    sent: int
    left: int
    refused: int

    @property
    def exit_code(self) -> Exit:
        """``UNREACHABLE`` if something is left that may be sent later, ``FOUND`` if Pub/Sub refuses something."""
        if self.left:
            return Exit.UNREACHABLE
        return Exit.FOUND if self.refused else Exit.DONE

    def __str__(self) -> str:
        return f"sent: {self.sent:,}; left: {self.left:,}; refused: {self.refused:,}"


class _Settled(NamedTuple):
    """The messages of a batch that arrived, and one to give up with its error."""

    arrived: Sequence[int]
    given_up: tuple[int, BaseException] | None


class Relay:
    """Sends the messages in *tables* of the database behind *engine* with *publisher*.

    Any number of relays may run at the same time. On PostgreSQL and MySQL, a lane is held by ``SELECT ... FOR UPDATE
    SKIP LOCKED`` in a transaction that stays open until its messages are settled, so a relay that ends leaves nothing
    behind. On SQLite it is held by a lease. *now* is in Unix seconds.
    """

    def __init__(
        self,
        engine: sa.Engine,
        publisher: Publisher,
        tables: OutboxTables | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._engine, self._publisher, self._now = engine, publisher, now
        self._tables = tables or OutboxTables()
        self._name = f"{uuid.uuid4().hex}"
        self._states: dict[tuple[int, str], Lane] = {}
        self.sent = 0

    def run(self, is_over: Callable[[], bool], pause: Callable[[float], object] = time.sleep) -> None:
        """Send until *is_over*; wait through outages of the database and of Pub/Sub."""
        failures = 0
        while not is_over():
            try:
                seconds = 0.0 if self.turn(is_over) else POLL_SECONDS
                failures = 0
            except RelayError as error:
                failures += 1
                seconds = min(_MAX_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 10))
                _log.error("%s; trying again in %.1f s", error, seconds)
            pause(seconds)

    def send_all(self, timeout: float = _SEND_SECONDS) -> Relayed:
        """Send everything; give up when nothing has arrived for *timeout* seconds.

        Raises:
            RelayError: the database cannot be used.
        """
        arrived_at = time.monotonic()
        while self._count(is_refused=False):
            if self.turn():
                arrived_at = time.monotonic()
            elif time.monotonic() - arrived_at > timeout:
                break
            else:
                time.sleep(POLL_SECONDS)
        return self.result()

    def result(self) -> Relayed:
        """Return what was sent, and what the table holds."""
        return Relayed(self.sent, self._count(is_refused=False), self._count(is_refused=True))

    def retry_refused(self) -> None:
        """Let refused messages wait again. Raises RelayError."""
        messages = self._tables.messages
        with self._explained(), self._engine.begin() as connection:
            connection.execute(
                sa.update(messages).where(messages.c.refused_with.is_not(None)).values(refused_with=None)
            )

    def turn(self, is_over: Callable[[], bool] = lambda: False) -> int:
        """Send a batch of each lane that no other relay holds; return how many messages arrived.

        A lane can take 20 seconds, so it ends between two lanes when *is_over*.

        Raises:
            RelayError: the database cannot be used.
        """
        before = self.sent
        with self._explained():
            lanes = self._lanes_with_messages()
            for lane in sorted({lane for lane, _ in lanes}):
                now = time.monotonic()
                ready = [each for each in lanes if each[0] == lane and self._state(each).room(now) > 0]
                if ready and not is_over():
                    self._send_lane(lane, ready)
        return self.sent - before

    def _send_lane(self, lane: int, parts: Sequence[tuple[int, str]]) -> None:
        if self._engine.dialect.name == "sqlite":
            with self._leased(lane) as is_held:
                for part in parts if is_held else ():
                    with self._engine.begin() as connection:
                        rows = self._rows(connection, part)
                    settled = self._publish(part, rows)
                    with self._engine.begin() as connection:
                        self._settle(connection, settled)
            return
        with self._engine.begin() as connection:
            if self._is_locked(connection, lane):
                for part in parts:
                    self._settle(connection, self._publish(part, self._rows(connection, part)))

    def _is_locked(self, connection: sa.Connection, lane: int) -> bool:
        lanes = self._tables.lanes
        statement = sa.select(lanes.c.lane).where(lanes.c.lane == lane).with_for_update(skip_locked=True)
        return connection.execute(statement).first() is not None

    @contextmanager
    def _leased(self, lane: int) -> Iterator[bool]:
        lanes, now = self._tables.lanes, self._now()
        free = lanes.c.holder.is_(None) | (lanes.c.holder == self._name) | (lanes.c.held_until < now)
        with self._engine.begin() as connection:
            values = {"holder": self._name, "held_until": now + LEASE_SECONDS}
            taken = connection.execute(sa.update(lanes).where(lanes.c.lane == lane, free).values(values))
        try:
            yield taken.rowcount == 1
        finally:
            with self._engine.begin() as connection:
                mine = lanes.c.holder == self._name
                connection.execute(sa.update(lanes).where(lanes.c.lane == lane, mine).values(holder=None))

    def _lanes_with_messages(self) -> list[tuple[int, str]]:
        messages = self._tables.messages
        statement = sa.select(messages.c.lane, messages.c.subject).where(messages.c.refused_with.is_(None)).distinct()
        with self._engine.connect() as connection:
            return [(lane, subject) for lane, subject in connection.execute(statement)]

    def _state(self, part: tuple[int, str]) -> Lane:
        return self._states.setdefault(part, Lane(part[0], part[1]))

    def _rows(self, connection: sa.Connection, part: tuple[int, str]) -> Sequence[Any]:
        messages, (lane, subject) = self._tables.messages, part
        at_most = min(BATCH_MESSAGES, self._state(part).room(time.monotonic()))
        return connection.execute(
            sa.select(messages.c.id, messages.c.body)
            .where(messages.c.refused_with.is_(None), messages.c.lane == lane, messages.c.subject == subject)
            .order_by(messages.c.id)
            .limit(at_most)
        ).all()

    def _publish(self, part: tuple[int, str], rows: Sequence[Any]) -> _Settled:
        """Publish the rows in their order, and wait; return what became of them."""
        state = self._state(part)
        futures: list[tuple[int, Future[str]]] = []
        last: dict[str, Future[str]] = {}  # by ordering key
        for id_, body in rows:
            message = OutboxMessage.unpacked(part[1], body)
            key = message.ordering_key
            if key and key in last and last[key].done() and _error_of(last[key]) is not None:
                continue  # it is sent again after the one that failed
            state.sent(id_, len(body))
            last[key] = self._published(message)
            futures.append((id_, last[key]))
        wait([future for _, future in futures], SETTLE_SECONDS)
        arrived = []
        for id_, future in futures:
            if (error := _error_of(future)) is None:
                state.arrived(id_)
                arrived.append(id_)
            else:
                state.failed(id_, error)
        return _Settled(arrived, state.next_window(time.monotonic(), random.random()))  # noqa: S311 not a secret

    def _published(self, message: OutboxMessage) -> Future[str]:
        failed: Future[str] = Future()
        try:
            return self._publisher.publish(
                message.subject, message.data, dict(message.attributes), message.ordering_key
            )
        except Exception as error:  # any error of a publisher is judged with those of its futures
            failed.set_exception(error)
        return failed

    def _settle(self, connection: sa.Connection, settled: _Settled) -> None:
        messages = self._tables.messages
        if settled.arrived:
            connection.execute(sa.delete(messages).where(messages.c.id.in_(settled.arrived)))
            self.sent += len(settled.arrived)
        if settled.given_up is not None:
            id_, refusal = settled.given_up
            _log.error("%s: message %d is refused (%s), and kept", messages.name, id_, error_name(refusal))
            refused = {"refused_with": error_name(refusal)}
            connection.execute(sa.update(messages).where(messages.c.id == id_).values(refused))

    def _count(self, *, is_refused: bool) -> int:
        column = self._tables.messages.c.refused_with
        where = column.is_not(None) if is_refused else column.is_(None)
        with self._explained(), self._engine.connect() as connection:
            statement = sa.select(sa.func.count()).select_from(self._tables.messages).where(where)
            return int(connection.execute(statement).scalar_one())

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise RelayError for an error of the database. The text has no password and no value."""
        try:
            yield
        except DBAPIError as error:
            url = self._engine.url.render_as_string(hide_password=True)
            remedy = "check that the database runs, and that the tables of the outbox are there"
            raise RelayError(f"{url}: {type(error.orig).__name__}; {remedy}") from None


def open_database(url: str) -> sa.Engine:
    """Return an engine for *url*, without a connection yet.

    Raises:
        RelayError: it is not the URL of a database, or its driver is not installed. The text does not have the URL.
    """
    try:
        return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
    except sa.exc.ArgumentError:
        why = "not the URL of a database; write one such as postgresql+psycopg://user@host/name"
    except ModuleNotFoundError as error:
        why = f"its driver {error.name} is not installed; install it beside Headrace"
    raise RelayError(f"database URL: {why}")


def _error_of(future: Future[str]) -> BaseException | None:
    if not future.done():
        return TimeoutError("not confirmed in time")
    try:
        return future.exception()
    except CancelledError as error:
        return error
