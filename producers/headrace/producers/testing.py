"""Producer and publisher for your tests: they record messages, decode them again, and fail as a test wants it."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import fastavro

from headrace.producers.compression import uncompressed
from headrace.producers.contract_sources import ContractSource, read_contracts
from headrace.producers.event_producer import EventProducer
from headrace.schemas import Envelope, Registry
from headrace.schemas.to_json import fields_to_json


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    """Message that a real publisher would have sent to the topic of *subject*."""

    subject: str
    data: bytes = field(repr=False)
    attributes: dict[str, str] = field(repr=False)
    ordering_key: str = field(default="", repr=False)


class FakePublisher:
    """Test replacement for :class:`producers.PubSubPublisher`; the producer still checks events against their contract.

    ``messages`` holds the published messages, in order. ``fail`` makes later ones fail. Message ids count from ``"1"``.

    >>> from headrace.producers import EventProducer
    >>> from headrace.schemas.samples import SAMPLES  # name your own folder: Path("contracts")
    >>> fake = FakePublisher()
    >>> producer = EventProducer(fake, source="/checkout", contracts=Registry.load(SAMPLES))
    >>> fake.messages
    []
    """

    def __init__(self) -> None:
        self.messages: list[PublishedMessage] = []
        self.failure: Exception | None = None  # of every publish, until it is None again
        self.closed = False
        self._failures: deque[Exception] = deque()

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        """Record the message; the future gives its number."""
        future: Future[str] = Future()
        failure = self._failures.popleft() if self._failures else self.failure
        if failure is not None:
            future.set_exception(failure)
            return future
        self.messages.append(PublishedMessage(subject, data, dict(attributes), ordering_key))
        future.set_result(str(len(self.messages)))
        return future

    def fail(self, *errors: Exception) -> None:
        """Make the next publishes fail, each with the next of *errors*; those after them succeed."""
        self._failures.extend(errors)

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


class FakeProducer(EventProducer):
    """Producer for your tests: it checks events as the real one, and sends them to its ``publisher``, a FakePublisher.

    The plugin of pytest makes one with the contracts of your project: the fixture ``fake_producer``.

    >>> from headrace.schemas.samples import SAMPLES
    >>> producer = FakeProducer(Registry.load(SAMPLES))
    >>> producer.published("flight_departed")
    []
    """

    def __init__(self, contracts: ContractSource, *, source: str = "/test") -> None:
        self.publisher = FakePublisher()
        self._registry = read_contracts(contracts)
        super().__init__(self.publisher, source=source, contracts=self._registry)

    def published(self, subject: str) -> list[dict[str, Any]]:
        """Return the fields of every event published under *subject*, as Python values, in order."""
        return self.publisher.events(subject, self._registry)

    def fail(self, *errors: Exception) -> None:
        """Make the next publishes fail, each with the next of *errors*; those after them succeed."""
        self.publisher.fail(*errors)

    def assert_published(self, subject: str, /, times: int = 1, **fields: Any) -> None:
        """Assert that exactly so many events of *subject* have these *fields*; other fields may have any value."""
        __tracebackhide__ = True
        events = self.published(subject)
        found = [event for event in events if all(event.get(name) == value for name, value in fields.items())]
        if len(found) != times:
            raise AssertionError(_mismatch(subject, times, len(found), events, fields))

    def as_json(self) -> list[dict[str, Any]]:
        """Return every event, in order, as JSON for a golden file: its contract and fields, without id and time."""
        return [_as_json(message, self._registry) for message in self.publisher.messages]


def _mismatch(
    subject: str, times: int, found: int, events: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]
) -> str:
    """Describe the events that were published. These are values of a test."""
    title = f"{subject}: expected {times} with {dict(fields)!r}, got {found}; published:"
    if not events:
        return f"{title} nothing"
    looked_at = [{name: event.get(name) for name in fields} or dict(event) for event in events]
    return "\n".join([title, *(f"  {number}. {each!r}" for number, each in enumerate(looked_at, 1))])


def _as_json(message: PublishedMessage, registry: Registry) -> dict[str, Any]:
    contract = registry[Envelope.from_attributes(message.attributes).schema]
    fields = fields_to_json(contract.record, contract.decode(_datum(message)))
    return {"contract": contract.ref.short, "fields": fields}


def _datum(message: PublishedMessage) -> bytes:
    return uncompressed(message.data, message.attributes)


def _decode(message: PublishedMessage, registry: Registry) -> dict[str, Any]:
    schema = registry[Envelope.from_attributes(message.attributes).schema].avro
    decoded: Any = fastavro.schemaless_reader(io.BytesIO(_datum(message)), schema, None)
    return dict(decoded)
