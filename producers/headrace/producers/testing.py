"""Publisher for your tests that records messages and decodes them again."""

from __future__ import annotations

import io
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import fastavro

from headrace.schemas import Envelope, Registry


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    """Message that a real publisher would have sent to the topic of *subject*."""

    subject: str
    data: bytes = field(repr=False)
    attributes: dict[str, str] = field(repr=False)
    ordering_key: str = field(default="", repr=False)


class FakePublisher:
    """Test replacement for :class:`producers.PubSubPublisher`; the producer still checks events against their contract.

    ``messages`` holds the published messages, in order. Set ``failure`` to an error to make every later publish fail
    with it, and to None to let them succeed again. Message ids count from ``"1"``.

    >>> from headrace.producers import EventProducer
    >>> from headrace.schemas.samples import SAMPLES  # name your own folder: Path("contracts")
    >>> fake = FakePublisher()
    >>> producer = EventProducer(fake, source="/checkout", registry=Registry.load(SAMPLES))
    >>> fake.messages
    []
    """

    def __init__(self) -> None:
        self.messages: list[PublishedMessage] = []
        self.failure: Exception | None = None
        self.closed = False

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        """Record the message; the future gives its number."""
        future: Future[str] = Future()
        if self.failure is not None:
            future.set_exception(self.failure)
            return future
        self.messages.append(PublishedMessage(subject, data, dict(attributes), ordering_key))
        future.set_result(str(len(self.messages)))
        return future

    def flush(self) -> None:
        """Do nothing: messages do not wait."""

    def close(self) -> None:
        """Record that the publisher is closed."""
        self.closed = True

    def events(self, subject: str, registry: Registry) -> list[dict[str, Any]]:
        """Return the fields of every event published under *subject*, as Python values, in order.

        Raises:
            UnknownSchemaError: *registry* does not hold its contract.
        """
        return [_decode(message, registry) for message in self.messages if message.subject == subject]


def _decode(message: PublishedMessage, registry: Registry) -> dict[str, Any]:
    schema = registry[Envelope.from_attributes(message.attributes).schema].avro
    decoded: Any = fastavro.schemaless_reader(io.BytesIO(message.data), schema, None)
    return dict(decoded)
