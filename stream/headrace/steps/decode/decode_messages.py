"""Decoder of messages into columns: it reads the envelope, finds the contract, and decodes the payload strictly."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema
from headrace.bigquery.own_columns import INSTANT
from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch, notes_by
from headrace.core.outcome import Outcome
from headrace.core.replay_attributes import LETTER_ID
from headrace.core.tally import Tally, tally_rows, tally_unread_refusals
from headrace.errors import Exit, HeadraceError
from headrace.schemas.content_rule import rule_of
from headrace.schemas.envelope import CONTENT_TYPE, MAX_ID_BYTES, Envelope, to_micros
from headrace.schemas.errors import ContractError, MalformedEnvelopeError, UndecodableError, UnknownSchemaError
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.derived_ids import IdentityColumns
from headrace.steps.decode.envelopes import Head, disagreeing, head_of, packed
from headrace.steps.decode.record_batch import columns_for, to_batch
from headrace.util.hashing import digests

STAGE: Final = "decode"
_KEY_BYTES: Final = 16
# of columns; one message takes at most 16 MiB in columns, whatever the size of its payload
MAX_BATCH_BYTES: Final = 64 * 1024 * 1024


class RefusedError(HeadraceError, error_code="HR-513", exit_code=Exit.BUG):
    """A message is invalid. *detail* contains no value of it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Opened(NamedTuple):
    """Data of some messages' envelopes, one line for each valid one.

    *indexes* are the messages' indexes. *times* are the original ``ce-time`` texts, which must match the payloads.
    *published* and *first_published* are as in :class:`~headrace.core.message.Message`.
    """

    indexes: list[int]
    writers: list[Contract]
    ids: list[str]
    times: list[str]
    sources: list[str]
    payloads: list[bytes]
    published: list[int]
    first_published: list[int]

    @classmethod
    def none(cls) -> Opened:
        """Return a table without lines."""
        return cls([], [], [], [], [], [], [], [])

    def first(self, count: int) -> Opened:
        """Return the first *count* lines."""
        return self.without(range(count, len(self.indexes)))

    def without(self, places: Collection[int]) -> Opened:
        """Return all lines but those at *places*."""
        if not places:
            return self
        lines = [line for place, line in enumerate(zip(*self, strict=True)) if place not in places]
        return Opened(*map(list, zip(*lines, strict=True))) if lines else Opened.none()


class Decoded(NamedTuple):
    """Decoded events: the data of their envelopes, their rows, and the hashes of their contents."""

    opened: Opened
    rows: pa.RecordBatch
    contents: pa.Array

    def without(self, places: Collection[int]) -> Decoded:
        """Return all events but those at *places*."""
        if not places:
            return self
        kept = pa.array([place for place in range(len(self.contents)) if place not in places], pa.int64())
        return Decoded(self.opened.without(places), self.rows.take(kept), self.contents.take(kept))


class Decoder:
    """Decoder of one subject's messages, compiled once from its contracts."""

    def __init__(self, registry: Registry, subject: str) -> None:
        self._registry = registry
        self.contract = registry.latest(subject)
        self._payload = arrow_schema(self.contract.record)
        self._schema = pa.schema([*self._payload, *META_SCHEMA])
        self._columns = columns_for(self.contract.record)
        self._notes = notes_by(rule_of(self.contract.record))
        self._identity = IdentityColumns(self.contract)
        self._writers: dict[Head, Contract] = {}

    def read(self, messages: Sequence[Message], now: int) -> DecodedMessages:
        """Decode *messages* into one micro-batch; see :func:`decode`."""
        refusals: list[Refusal] = []
        events, end = self._read_payloads(self._open(messages, refusals), messages, refusals)
        if events.rows.num_rows:
            events = self._confirm_times(events, messages, refusals)
            events = self._settle_ids(events, refusals)
        refusals = sorted((each for each in refusals if each.index < end), key=lambda refusal: refusal.index)
        left = len(messages) - end
        if not events.rows.num_rows:
            return DecodedMessages(None, refusals, left)
        moments = _moments(events.rows.column(self.contract.options.event_time))
        batch = MicroBatch(
            subject=self.contract.subject,
            rows=_with_meta(events.rows, events.opened, moments, now, self._schema),
            notes=_notes(events, moments, self._notes),
            sealed=b"",
        )
        return DecodedMessages(batch, refusals, left)

    def check(self, message: Message) -> tuple[Contract, Envelope]:
        """Read one envelope, and find its contract; raises RefusedError with the reason if it is invalid."""
        try:
            envelope = Envelope.from_attributes(message.attributes)
            if envelope.schema.subject != self.contract.subject:
                raise UnknownSchemaError(
                    f"subject {envelope.schema.subject} does not belong on the topic of {self.contract.subject}"
                )
            return self._registry[envelope.schema], envelope
        except MalformedEnvelopeError as error:
            raise RefusedError(Reason.MALFORMED_ENVELOPE, str(error)) from error
        except UnknownSchemaError as error:
            raise RefusedError(Reason.UNKNOWN_SCHEMA, str(error)) from error

    def _open(self, messages: Sequence[Message], refusals: list[Refusal]) -> Opened:
        """Read all envelopes, each only as far as needed: most differ only in id and time.

        Also read the fields that later steps need, because reading a message again would miss the CPU cache.
        """
        opened = Opened.none()
        indexes, writers, ids, times, sources, payloads, published, first_published = opened
        for index, message in enumerate(messages):  # no function calls in this loop, because it runs for each message
            attributes, published_at = message.attributes, message.published_at
            get = attributes.get
            writer = self._writers.get(
                (get("ce-dataschema"), get("ce-type"), get("ce-specversion"), get("content-type"))
            )
            event_id, time, source = get("ce-id"), get("ce-time"), get("ce-source")
            if not ((writer and time and source) and event_id and event_id.isascii() and len(event_id) <= MAX_ID_BYTES):
                try:
                    writer, envelope = self.check(message)
                except RefusedError as error:
                    refusals.append(Refusal(index, error.reason, error.detail))
                    continue
                event_id, time, source = envelope.event_id, attributes["ce-time"], envelope.source
                self._remember(message, writer)
            indexes.append(index)
            writers.append(writer)
            ids.append(event_id)
            times.append(time)
            sources.append(source)
            payloads.append(message.data)
            published.append(published_at)
            first_published.append(message.first_published_at if LETTER_ID in attributes else published_at)
        return opened

    def _remember(self, message: Message, writer: Contract) -> None:
        if message.attributes.get("content-type") == CONTENT_TYPE:  # otherwise other attributes decide too
            self._writers[head_of(message.attributes)] = writer

    def _read_payloads(
        self, opened: Opened, messages: Sequence[Message], refusals: list[Refusal]
    ) -> tuple[Decoded, int]:
        """Decode payloads while the columns have room; return the events, and the index of the first unread message."""
        refused: set[int] = set()
        end = len(messages)
        try:
            written_by = [writer.record for writer in opened.writers]
            errors, taken = self._columns.read_within(written_by, opened.payloads, MAX_BATCH_BYTES)
            if taken < len(opened.indexes):
                end = opened.indexes[taken]
                opened = opened.first(taken)
            for place, error in errors:
                refusals.append(self._undecodable(opened.indexes[place], messages, error))
                refused.add(place)
            contents = np.frombuffer(self._columns.content_hashes(), np.int64)
        finally:
            finished = self._columns.finish()
        return Decoded(opened.without(refused), to_batch(finished, self._payload), pa.array(contents)), end

    def _undecodable(self, index: int, messages: Sequence[Message], error: UndecodableError) -> Refusal:
        try:
            self.check(messages[index])  # an invalid envelope has precedence
        except RefusedError as first:
            return Refusal(index, first.reason, first.detail)
        return Refusal(index, Reason.UNDECODABLE_PAYLOAD, str(error))

    def _confirm_times(self, events: Decoded, messages: Sequence[Message], refusals: list[Refusal]) -> Decoded:
        """Leave out events whose time is not their ``ce-time``."""
        moments = _moments(events.rows.column(self.contract.options.event_time))
        refused: set[int] = set()
        for place in disagreeing(events.opened.times, moments):
            refusal = self._wrong_time(events.opened.indexes[place], messages, moments[place].as_py())
            if refusal is not None:
                refusals.append(refusal)
                refused.add(place)
        return events.without(refused)

    def _settle_ids(self, events: Decoded, refusals: list[Refusal]) -> Decoded:
        """Derive the ids of events, or leave out those with another id, as the contract asks."""
        ids, others = self._identity.settle(events.rows, events.opened.ids)
        refused = [(events.opened.indexes[at], detail) for at, detail in others.items()]
        refusals += [Refusal(index, Reason.MALFORMED_ENVELOPE, detail) for index, detail in refused]
        return events._replace(opened=events.opened._replace(ids=ids)).without(others.keys())

    def _wrong_time(self, index: int, messages: Sequence[Message], moment: int) -> Refusal | None:
        try:
            _, envelope = self.check(messages[index])
        except RefusedError as error:
            return Refusal(index, error.reason, error.detail)
        if to_micros(envelope.event_time) == moment:
            return None
        detail = f"ce-time is not the event's {self.contract.options.event_time}"
        return Refusal(index, Reason.MALFORMED_ENVELOPE, detail)


class DecodedMessages(NamedTuple):
    """Result of decoding some messages of one subject."""

    batch: MicroBatch | None
    refusals: list[Refusal]
    left: int = 0  # messages at the end that were not read, because the columns have their maximal size


def decode(messages: Sequence[Message], decoder: Decoder, now: int) -> DecodedMessages:
    """Decode *messages*, all of one subject, into one micro-batch; *now* is in microseconds since 1970.

    Messages that cannot be decoded are refused by index, without affecting others. Nothing is sealed yet. A few bytes
    of payload may become many bytes of columns. If the columns reach their maximal size, the last messages are *left*.
    """
    return decoder.read(messages, now)


def decode_all(
    messages: Sequence[Message], decoder: Decoder, now: int
) -> Iterator[tuple[Sequence[Message], DecodedMessages]]:
    """Decode all *messages* in parts; indexes refer to the messages that are yielded with the result."""
    while messages:
        decoded = decode(messages, decoder, now)
        end = len(messages) - decoded.left
        yield messages[:end], decoded._replace(left=0)
        messages = messages[end:]


def refuse_blocked(messages: Sequence[Message], error: ContractError) -> DecodedMessages:
    """Refuse *messages* of a subject whose contract is refused by *error*, without reading them."""
    return DecodedMessages(None, [Refusal(i, Reason.BLOCKED_SUBJECT, str(error)) for i in range(len(messages))])


def tally_decoded(messages: Sequence[Message], decoded: DecodedMessages, window: timedelta) -> list[Tally]:
    """Count *messages* as received, and refused ones also as dead-lettered, by reason."""
    read = [] if decoded.batch is None else [tally_rows(decoded.batch, Outcome.RECEIVED, window)]
    return read + tally_unread_refusals(messages, decoded.refusals, window)


def _with_meta(rows: pa.RecordBatch, opened: Opened, moments: pa.Array, now: int, schema: pa.Schema) -> pa.RecordBatch:
    meta = {
        "_event_id": pa.array(opened.ids, pa.string()),
        "_event_time": moments.view(INSTANT.arrow),
        "_ingested_at": pa.repeat(pa.scalar(now, INSTANT.arrow), rows.num_rows),
        "_schema_version": pa.array([writer.ref.version for writer in opened.writers], pa.int64()),
        "_source": pa.array(opened.sources, pa.string()),
    }
    columns = [*rows.columns, *(meta[name] for name in META_SCHEMA.names)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _notes(events: Decoded, moments: pa.Array, schema: pa.Schema) -> pa.RecordBatch:
    """Return the notes of *events*, in the order of the *schema* (:data:`headrace.core.micro_batch.NOTES`)."""
    opened = events.opened
    columns = [
        packed(event_keys(opened.ids), pa.binary(_KEY_BYTES)),
        events.contents,
        moments,
        pa.array(opened.published, pa.int64()),
        pa.array(opened.first_published, pa.int64()),
        pa.repeat(pa.scalar(0, pa.int64()), len(opened.indexes)),
        pa.array(opened.indexes, pa.int32()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _moments(event_times: pa.Array) -> pa.Array:
    """Return microseconds since 1970."""
    return event_times.view(pa.int64())


def event_keys(event_ids: Iterable[str]) -> list[bytes]:
    """Return the 128-bit key by which each event is remembered."""
    return digests([event_id.encode() for event_id in event_ids], _KEY_BYTES)
