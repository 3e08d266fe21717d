"""Messages in, columns out: the envelope, the contract, and a strict reading of the payload."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

import pyarrow as pa

from schemas.decoder import compile_decoder
from schemas.envelope import Envelope, SchemaRef, to_micros
from schemas.errors import MalformedEnvelopeError, UndecodableError, UnknownSchemaError
from schemas.registry import Registry
from stream.batch import NOTES, MicroBatch
from stream.deadletter import Reason, Refusal
from stream.message import Message
from stream.tables import META_SCHEMA, arrow_schema
from stream.tallies import Outcome, Tally, tally_rows, tally_unread

STAGE: Final = "decode"


class RefusedError(Exception):
    """One message cannot be used; *detail* holds no value of it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Event(NamedTuple):
    """One message, read: its envelope, its values in the order of the newest contract's fields."""

    envelope: Envelope
    event_time: int
    values: list[Any]


class Decoder:
    """Reads the messages of one subject; compiled once from its contracts."""

    def __init__(self, registry: Registry, subject: str) -> None:
        self._registry = registry
        self.contract = registry.latest(subject)
        names = [f.name for f in self.contract.record.fields]
        self._event_time = names.index(self.contract.options.event_time)
        self.schema = pa.schema([*arrow_schema(self.contract.record), *META_SCHEMA])
        self._readers: dict[SchemaRef, Callable[[bytes], list[Any]]] = {}

    def read(self, message: Message) -> Event:
        """Read one message; RefusedError says why it cannot be used."""
        try:
            envelope = Envelope.from_attributes(message.attributes)
            values = self._reader(envelope.schema)(message.data)
        except MalformedEnvelopeError as error:
            raise RefusedError(Reason.MALFORMED_ENVELOPE, str(error)) from error
        except UnknownSchemaError as error:
            raise RefusedError(Reason.UNKNOWN_SCHEMA, str(error)) from error
        except UndecodableError as error:
            raise RefusedError(Reason.UNDECODABLE_PAYLOAD, str(error)) from error
        event_time = values[self._event_time]
        if event_time != to_micros(envelope.event_time):
            field_name = self.contract.options.event_time
            raise RefusedError(Reason.MALFORMED_ENVELOPE, f"ce-time is not the event's {field_name}")
        return Event(envelope, event_time, values)

    def _reader(self, ref: SchemaRef) -> Callable[[bytes], list[Any]]:
        reader = self._readers.get(ref)
        if reader is None:
            if ref.subject != self.contract.subject:
                raise UnknownSchemaError(
                    f"subject {ref.subject} does not belong on the topic of {self.contract.subject}"
                )
            reader = compile_decoder(self._registry[ref].record, self.contract.record)
            self._readers[ref] = reader
        return reader


class DecodedMessages(NamedTuple):
    """What became of some messages of one subject."""

    batch: MicroBatch | None
    refusals: list[Refusal]


def decode(messages: Sequence[Message], decoder: Decoder, now: int) -> DecodedMessages:
    """Read *messages*, all of one subject, into one micro-batch; *now* is in microseconds since 1970.

    What cannot be read is refused by index, and takes no neighbour down. Nothing is sealed yet.
    """
    events: list[tuple[int, Event]] = []
    refusals = []
    for index, message in enumerate(messages):
        try:
            events.append((index, decoder.read(message)))
        except RefusedError as error:
            refusals.append(Refusal(index, error.reason, error.detail))
    if not events:
        return DecodedMessages(None, refusals)
    batch = MicroBatch(
        subject=decoder.contract.subject,
        rows=_rows([event for _, event in events], decoder.schema, now),
        notes=_notes(events, messages),
        sealed=b"",
    )
    return DecodedMessages(batch, refusals)


def tally_decoded(messages: Sequence[Message], decoded: DecodedMessages, window: timedelta) -> list[Tally]:
    """Count *messages* as received, and those refused as dead-lettered too, by reason."""
    tallies = []
    if decoded.batch is not None:
        tallies.append(tally_rows(decoded.batch, Outcome.RECEIVED, window))
    for reason in sorted({refusal.reason for refusal in decoded.refusals}):
        refused = [messages[refusal.index] for refusal in decoded.refusals if refusal.reason is reason]
        tallies.append(tally_unread(refused, Outcome.RECEIVED, window))
        tallies.append(tally_unread(refused, Outcome.DEAD_LETTERED, window, reason))
    return tallies


def _rows(events: Sequence[Event], schema: pa.Schema, now: int) -> pa.RecordBatch:
    count = len(events)
    columns: list[Sequence[Any]] = [*zip(*(event.values for event in events), strict=True)]
    columns += [
        [event.envelope.event_id for event in events],
        [event.event_time for event in events],
        [now] * count,
        [event.envelope.schema.version for event in events],
        [event.envelope.source for event in events],
    ]
    arrays = [pa.array(column, f.type) for column, f in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _notes(events: Sequence[tuple[int, Event]], messages: Sequence[Message]) -> pa.RecordBatch:
    columns = [
        [event_key(event.envelope.event_id) for _, event in events],
        [content_hash(messages[index].data) for index, _ in events],
        [event.event_time for _, event in events],
        [messages[index].published_at for index, _ in events],
        [messages[index].first_published_at for index, _ in events],
        [0] * len(events),
        [index for index, _ in events],
    ]
    arrays = [pa.array(column, f.type) for column, f in zip(columns, NOTES, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=NOTES)


def event_key(event_id: str) -> bytes:
    """The 128 bits by which an event is remembered."""
    return hashlib.blake2b(event_id.encode(), digest_size=16).digest()


def content_hash(data: bytes) -> int:
    """64 bits of the payload, as a signed integer."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)
