"""Messages of events: checked against their contract, with one id each, and encoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import uuid_utils

from headrace.producers.compression import COMPRESS_FROM, PayloadCompression
from headrace.schemas import Contract, Envelope, Registry
from headrace.schemas.annotations import IdRule
from headrace.schemas.encode_event import encode_event, load_encoder
from headrace.schemas.identity import derive_event_id
from headrace.schemas.plain import text_of

MAX_ATTRIBUTE_BYTES: Final = 1024  # Pub/Sub's limit on an attribute's value and on an ordering key

# What protobuf adds at most: tags and lengths of up to 5 bytes, of the message and its parts.
_ATTRIBUTE_BYTES: Final = 18
_MESSAGE_BYTES: Final = 18
_LATER_BYTES: Final = 800  # what is added later: ce-sequence, traceparent, and a tracestate of 512 bytes


class EventObject(Protocol):
    """An instance of a dataclass, such as those that ``headrace contracts codegen`` writes."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


class EventMessage(NamedTuple):
    """One event for the topic of *subject*, as a publisher takes it."""

    subject: str
    data: bytes
    attributes: dict[str, str]
    ordering_key: str

    @property
    def size(self) -> int:
        """Bytes that the message takes in a request at most, with the attributes that are added later."""
        texts = sum(
            _ATTRIBUTE_BYTES + len(name.encode()) + len(value.encode()) for name, value in self.attributes.items()
        )
        return _MESSAGE_BYTES + _LATER_BYTES + len(self.data) + len(self.ordering_key.encode()) + texts

    def __repr__(self) -> str:
        """Leave out values, which may be personal."""
        return f"EventMessage({self.subject!r})"


class EventMessages:
    """Makes messages of the newest contracts in *registry*. *source* becomes ``ce-source``. Thread-safe.

    Payloads of *compress_from* bytes and more are compressed where the contract allows it; None compresses none.
    """

    def __init__(
        self,
        registry: Registry,
        source: str,
        now: Callable[[], datetime] = utc_now,
        compress_from: int | None = COMPRESS_FROM,
    ) -> None:
        self._registry = registry
        self._compression = PayloadCompression((registry.latest(each) for each in registry.subjects), compress_from)
        self._source = _short_text(source, "source", 'name the application that publishes, such as "/checkout"')
        self._now = now
        load_encoder()

    def make(
        self,
        subject: str,
        fields: Mapping[str, Any] | EventObject,
        event_id: str | None = None,
        ordering_key: str | None = None,
    ) -> EventMessage:
        """Return the message of one event; raises the errors of :meth:`producers.EventProducer.publish`."""
        contract = self._registry.latest(subject)
        event = encode_event(contract, fields)
        attributes = self._envelope(contract, event.values, event_id).to_attributes()
        key = ""
        if ordering_key is not None:
            key = _short_text(ordering_key, "ordering_key", "leave it out for any order")
            attributes["ce-partitionkey"] = key
        data = event.datum
        if subject in self._compression.subjects:
            data = self._compression.compressed(data, attributes)
        return EventMessage(contract.subject, data, attributes, key)

    def _envelope(self, contract: Contract, event: Mapping[str, Any], event_id: str | None) -> Envelope:
        if event_id is not None:
            event_id = _short_text(event_id, "event_id", "give a text that no other event has, or leave it out")
        derived = derive_event_id(contract, event)
        if event_id is None:
            event_id = derived or str(uuid_utils.uuid7())
        elif contract.options.id_rule is not IdRule.TRUST and event_id != derived:
            raise ValueError("event_id: not the id that the contract's identity gives; leave it out")
        # This is the time in the payload: validation refuses a time with more digits than its type has.
        return Envelope(event_id, contract.ref, contract.event_moment(event) or self._now(), self._source)


def _short_text(value: object, name: str, remedy: str) -> str:
    """Return *value* if an attribute can hold it. The error never contains the value."""
    text = text_of(value)
    try:
        if text is not None and 1 <= len(text.encode()) <= MAX_ATTRIBUTE_BYTES:
            return text
    except UnicodeEncodeError:
        pass  # raised below, without this error as its context, because this error holds the text
    raise ValueError(f"{name}: not a text of 1 to {MAX_ATTRIBUTE_BYTES} bytes in UTF-8; {remedy}")
