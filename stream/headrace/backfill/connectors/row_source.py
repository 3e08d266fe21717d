"""Source of rows: each row becomes a message, and acknowledging messages stores the cursor's progress.

The cursor is stored after the rows up to it have their outcome, and the next pull begins with the rows at that value.
So rows without an outcome are pulled again after a kill. Rows with an outcome are recognised by the message's id, which
is derived from the content, and by the event's own id.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from headrace.backfill.connectors.aside import StoppedError, until_stopped
from headrace.backfill.connectors.connector_config import Pull, Sql
from headrace.backfill.connectors.connector_errors import PullError
from headrace.backfill.connectors.cursor import Reached, is_later, tells
from headrace.backfill.connectors.dlt_rows import at
from headrace.backfill.connectors.fit_values import fitted
from headrace.backfill.file_line import Line
from headrace.backfill.file_rounds import ROUND_BYTES
from headrace.backfill.finite_source import FiniteSource
from headrace.backfill.line_events import BadLine, Events, Place
from headrace.core.message import Message
from headrace.engine.journal import Journal
from headrace.engine.pulled import Pulled
from headrace.engine.retry import RetryPolicy
from headrace.engine.transaction import Transaction

CURSOR: Final = "backfill-cursor"
Rows: TypeAlias = Callable[[Pull, Any], Iterator[Any]]


class PullSource(FiniteSource):
    """Rows of a pull; *now* is in microseconds.

    *rows* yields a pull's rows from a cursor value on. Without a journal it starts at the cursor's own start.
    """

    def __init__(
        self, pull: Pull, *, rows: Rows, journal: Journal | None, retry: RetryPolicy, stop: threading.Event, now: int
    ) -> None:
        super().__init__(journal, retry, stop)
        self._pull = pull
        self._table = pull.contract.options.table
        self._cursor = pull.cursor
        self._events = Events(pull.contract, pull.mapping, now)
        self._place = Place(pull.name, pull.key, now, texts=False)
        self._types = {
            origin.column: each.type
            for each in reversed(pull.contract.record.fields)
            if not (origin := pull.mapping.origin(each.name)).constant
        }
        self._zone = _zone_of(pull)
        self._columns = [*self._types, *pull.mapping.identity]
        self._rows = rows
        self._now = now
        self._at_most = 1
        self._previous: Any = None  # cursor of the last row
        self._rounds = self._all_rounds()
        self._interrupted = False
        self.fraction = 0.0  # the number of rows is unknown
        self.settled_before = 0

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        """Pull at most *at_most* rows; set *stop* at the end. Return nothing after an interruption.

        Raises:
            PullError: the rows cannot be pulled, or not completely; earlier rows were returned.
        """
        self._at_most = at_most
        try:
            pulled = next(self._rounds, None)
        except PullError as error:
            raise type(error)(f"{self._pull.name}: {error}") from error
        if pulled is None:
            return [] if self._interrupted else self._end()
        return [pulled]

    def stop(self) -> None:
        """Close the source; rows that were not acknowledged are pulled again by the next run."""
        self._rounds.close()

    def _note(self, transaction: Transaction, token: str) -> None:
        transaction.note_reached(self._table, self._pull.key, token)

    def _all_rounds(self) -> Generator[Pulled, None, None]:
        kept = None if self._noted_in is None else self._noted_in.reached(self._table, self._pull.key)
        reached = Reached(self._now) if kept is None else Reached.of(kept)
        ordered = self._cursor is not None and self._cursor.ordered
        failed: PullError | None = None
        messages: list[Message] = []
        size = 0
        rows = self._rows(self._pull, None if self._cursor is None else self._cursor.begin(reached.last, self._zone))
        try:
            for number, row in enumerate(until_stopped(rows, self._stop, self._pull.place), 1):
                if len(messages) >= self._at_most or size >= ROUND_BYTES:
                    yield self._pulled(messages, size, reached if ordered else None)
                    messages, size = [], 0
                message, reached = self._message(number, row, reached), self._further(row, reached)
                messages.append(message)
                size += len(message.data)
        except PullError as error:
            failed = error
        except StoppedError:
            self._interrupted = True
            return
        if messages:
            yield self._pulled(messages, size, reached if ordered or failed is None else None)
        if failed is not None:
            raise failed

    def _pulled(self, messages: list[Message], size: int, reached: Reached | None) -> Pulled:
        noted = [] if reached is None or self._cursor is None or self._noted_in is None else [reached.kept()]
        return Pulled(messages, noted, 0.0, size)

    def _further(self, row: Any, reached: Reached) -> Reached:
        """Return the progress after *row*. Trust a database's order, because it orders texts by rules of its own."""
        value = None if self._cursor is None else at(row, self._cursor.column)
        if self._cursor is None or value is None:
            return reached
        trusted = isinstance(self._pull.source, Sql)
        if self._cursor.ordered and not trusted:
            if self._previous is not None and is_later(self._previous, value):
                raise PullError(f"cursor.ordered: rows are not in the order of {self._cursor.column}; leave it out")
            self._previous = value
        if (trusted and self._cursor.lag is None) or is_later(value, reached.last):
            return replace(reached, last=value)
        return reached

    def _message(self, number: int, row: Any, reached: Reached) -> Message:
        if number == 1 and isinstance(self._pull.source, Sql):
            self._events.check_columns(row.keys(), self._place)
        content = json.dumps(row, default=str, ensure_ascii=False, sort_keys=True).encode(errors="surrogatepass")
        message = self._events.message(self._line(number, row, content), self._place)
        attributes = dict(message.attributes)
        if self._cursor is not None and (shown := tells(at(row, self._cursor.column))):
            attributes[CURSOR] = f"{self._cursor.column} = {shown}"
        return replace(
            message,
            attributes=attributes,
            message_id=f"{self._pull.key}:{hashlib.blake2b(content, digest_size=16).hexdigest()}",
            # A bad row has no time of its own. It gets the same time each time it is pulled, so it stays one dead
            # letter.
            published_at=reached.since if isinstance(message, BadLine) else message.published_at,
        )

    def _line(self, number: int, row: Any, content: bytes) -> Line:
        if not isinstance(row, dict):
            return Line(number, lambda: content, problem="not an object with fields")
        values = dict(row)
        for column in self._columns:
            if column not in values and (value := at(row, column)) is not None:
                values[column] = value
            if column in values and column in self._types:
                values[column] = fitted(self._types[column], values[column])
        return Line(number, lambda: content, values)


def _zone_of(pull: Pull) -> ZoneInfo | None:
    """Return the time zone of the cursor's column in the mapping."""
    origins = (pull.mapping.origin(each.name) for each in pull.contract.record.fields)
    column = None if pull.cursor is None else pull.cursor.column
    return next((each.zone for each in origins if each.column == column and each.zone is not None), None)
