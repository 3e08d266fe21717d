"""Decoder of messages into columns: it reads the envelope, finds the contract, and decodes the payload strictly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final, NamedTuple, TypeAlias

import pyarrow as pa

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema
from headrace.bigquery.own_columns import INSTANT
from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.outcome import Outcome
from headrace.core.tally import Tally, tally_rows, tally_unread_refusals
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.registry import Registry
from headrace.steps.decode.envelopes import packed, packed_numbers
from headrace.steps.decode.event_times import compile_event_times
from headrace.steps.decode.header_probe import HeaderProbe
from headrace.steps.decode.native_messages import is_native
from headrace.steps.decode.opened_messages import Opened, OpenedMessage, Opener, RefusedError
from headrace.steps.decode.openers import opener_of
from headrace.steps.decode.record_batch import columns_for, to_batch
from headrace.util.hashing import digests

STAGE: Final = "decode"
_KEY_BYTES: Final = 16
_CONTENT_BYTES: Final = 8
# of columns; one message takes at most 16 MiB in columns, whatever the size of its payload
MAX_BATCH_BYTES: Final = 64 * 1024 * 1024


class Decoder:
    """Decoder of one subject's messages, compiled once from its contracts."""

    def __init__(self, registry: Registry, subject: str, opener: Opener | None = None) -> None:
        """Compile the decoder; without an *opener*, messages are read as the contract declares."""
        self.contract = registry.latest(subject)
        self._opener = opener or opener_of(registry, subject)
        self._event_times = compile_event_times(self.contract.record, self.contract.options.event_time)
        self._payload = arrow_schema(self.contract.record)
        self._schema = pa.schema([*self._payload, *META_SCHEMA])
        self._columns = columns_for(self.contract.record)
        self._probe = HeaderProbe(lambda: columns_for(self.contract.record))

    def read(self, messages: Sequence[Message], now: int) -> DecodedMessages:
        """Decode *messages* into one micro-batch; see :func:`decode`."""
        refusals: list[Refusal] = []
        opened, rows, end = self._read_payloads(self._opener.open(messages, refusals), messages, refusals)
        opened, rows, moments = self._read_times(opened, rows, messages, refusals)
        refusals = sorted((each for each in refusals if each.index < end), key=lambda refusal: refusal.index)
        left = len(messages) - end
        if not rows.num_rows:
            return DecodedMessages(None, refusals, left)
        batch = MicroBatch(
            subject=self.contract.subject,
            rows=_with_meta(rows, opened, moments, now, self._schema),
            notes=_notes(opened, moments),
            sealed=b"",
        )
        return DecodedMessages(batch, refusals, left)

    def check(self, message: Message) -> OpenedMessage:
        """Read one envelope, and find its contract; raises RefusedError with the reason if it is invalid."""
        return self._opener.check(message)

    def _read_payloads(
        self, opened: Opened, messages: Sequence[Message], refusals: list[Refusal]
    ) -> tuple[Opened, pa.RecordBatch, int]:
        """Decode payloads while the columns have room, and leave out refused ones.

        Returns:
            The decoded lines, their rows, and the index of the first message that was not read.
        """
        refused: set[int] = set()
        end = len(messages)
        try:
            written_by = [writer.record for writer in opened.writers]
            errors, taken = self._columns.read_within(written_by, opened.payloads, MAX_BATCH_BYTES)
            if taken < len(opened.indexes):
                end = opened.indexes[taken]
                opened = opened.first(taken)
            for place, error in errors:
                refusals.append(self._undecodable(opened, place, messages, error))
                refused.add(place)
        finally:
            finished = self._columns.finish()
        return opened.without(refused), to_batch(finished, self._payload), end

    def _undecodable(self, opened: Opened, place: int, messages: Sequence[Message], error: UndecodableError) -> Refusal:
        index = opened.indexes[place]
        fault = self._first_fault(index, messages)
        if fault is not None:
            return fault
        native = is_native(messages[index])
        hint = self._probe.hint(opened.writers[place].record, opened.payloads[place], error, native)
        return Refusal(index, Reason.UNDECODABLE_PAYLOAD, f"{error}{hint}")

    def _first_fault(self, index: int, messages: Sequence[Message]) -> Refusal | None:
        """Return the fault of a message's envelope, which has precedence over those of its payload."""
        try:
            self.check(messages[index])
        except RefusedError as first:
            return Refusal(index, first.reason, first.detail)
        return None

    def _read_times(
        self, opened: Opened, rows: pa.RecordBatch, messages: Sequence[Message], refusals: list[Refusal]
    ) -> tuple[Opened, pa.RecordBatch, pa.Array]:
        """Read the event times, and leave out events whose time is wrong."""
        moments, wrong = self._event_times(rows, opened.times)
        for each in wrong:
            index = opened.indexes[each.place]
            refusals.append(self._first_fault(index, messages) or Refusal(index, each.reason, each.detail))
        if wrong:
            gone = {each.place for each in wrong}
            kept = pa.array([place for place in range(len(moments)) if place not in gone], pa.int64())
            opened, rows, moments = opened.without(gone), rows.take(kept), moments.take(kept)
        return opened, rows, moments


MakeDecoder: TypeAlias = Callable[[Registry, str], Decoder]
"""Makes the decoder of one subject."""


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
        "_schema_version": pa.array([writer.contract.ref.version for writer in opened.writers], pa.int64()),
        "_source": pa.array(opened.sources, pa.string()),
    }
    columns = [*rows.columns, *(meta[name] for name in META_SCHEMA.names)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _notes(opened: Opened, moments: pa.Array) -> pa.RecordBatch:
    columns = {
        "event_key": packed(event_keys(opened.ids), pa.binary(_KEY_BYTES)),
        "content_hash": packed_numbers(digests(opened.payloads, _CONTENT_BYTES)),
        "event_time": moments,
        "published_at": pa.array(opened.published, pa.int64()),
        "first_published_at": pa.array(opened.first_published, pa.int64()),
        "window_start": pa.repeat(pa.scalar(0, pa.int64()), len(opened.indexes)),
        "message": pa.array(opened.indexes, pa.int32()),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in NOTES.names], schema=NOTES)


def event_keys(event_ids: Iterable[str]) -> list[bytes]:
    """Return the 128-bit key by which each event is remembered."""
    return digests([event_id.encode() for event_id in event_ids], _KEY_BYTES)
