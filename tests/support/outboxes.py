"""Publishers for tests of outboxes, and what is in an outbox file."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from google.api_core.exceptions import InvalidArgument, ServiceUnavailable

from headrace.producers.outbox import Outbox
from headrace.producers.publisher import Publisher
from headrace.producers.testing import FakePublisher

SUBJECT = "thing_happened"
SECONDS = 20.0


class Broker(FakePublisher):
    """A publisher whose broker may be away, and that refuses the messages whose payload is *poison*.

    As Pub/Sub does, it refuses a whole batch for one message; *batch* messages are one.
    """

    def __init__(self, poison: bytes = b"", batch: int = 1) -> None:
        super().__init__()
        self.is_away = False
        self.poison, self.batch = poison, batch
        self.tried = 0
        self._batch: list[tuple[tuple[Any, ...], Future[str]]] = []
        self._lock = threading.Lock()

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        future: Future[str] = Future()
        with self._lock:
            self.tried += 1
            self._batch.append(((subject, data, attributes, ordering_key), future))
            if len(self._batch) >= self.batch:
                self._send()
            elif len(self._batch) == 1 and self.batch > 1:
                threading.Timer(0.01, self._late).start()
        return future

    def _late(self) -> None:
        with self._lock:
            self._send()

    def _send(self) -> None:
        batch, self._batch = self._batch, []
        refused = any(self.poison and message[1] == self.poison for message, _ in batch)
        for message, future in batch:
            if self.is_away:
                future.set_exception(ServiceUnavailable("away"))
            elif refused:
                future.set_exception(InvalidArgument("a message of the batch is wrong"))
            else:
                future.set_result(super().publish(*message).result())

    @property
    def payloads(self) -> list[bytes]:
        return [each.data for each in self.messages]


def put(outbox: Outbox, data: bytes, ordering_key: str = "", subject: str = SUBJECT) -> Future[str]:
    """Commit one message, whose id is its payload."""
    return outbox.put(subject, data, {"ce-id": data.decode("latin-1")}, ordering_key)


def an_outbox(file: Path, publisher: Publisher | None = None, **options: Any) -> Outbox:
    """An outbox that has started."""
    outbox = Outbox(file, **options)
    outbox.start(publisher or Broker())
    return outbox


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def rows(file: Path, statement: str = "SELECT number FROM messages") -> list[Any]:
    """What a statement gives for a file."""
    connection = sqlite3.connect(file)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()
