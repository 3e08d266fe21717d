"""Decoder of messages into columns: it reads the envelope, finds the contract, and decodes the payload strictly."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema
from headrace.bigquery.own_columns import INSTANT
from headrace.core.arrivals import tally_arrivals
from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.core.micro_batch import NOTES, MicroBatch, notes_by
from headrace.core.outcome import Outcome
from headrace.core.tally import Tally, tally_rows, tally_unread_drops, tally_unread_refusals
from headrace.schemas.content_rule import rule_of
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.changes.ids import ChangeIds
from headrace.steps.decode.derived_ids import IdentityColumns
from headrace.steps.decode.envelopes import packed
from headrace.steps.decode.event_times import compile_event_times
from headrace.steps.decode.header_probe import HeaderProbe
from headrace.steps.decode.metadata import metadata_arrays
from headrace.steps.decode.native_messages import is_native
from headrace.steps.decode.opened_messages import Opened, OpenedMessage, Opener, RefusedError, Writer
from headrace.steps.decode.openers import opener_of
from headrace.steps.decode.other_versions import OtherVersions
from headrace.steps.decode.record_batch import columns_for, to_batch
from headrace.util.hashing import digests

STAGE: Final = "decode"
_KEY_BYTES: Final = 16
# of columns; one message takes at most 16 MiB in columns, whatever the size of its payload
MAX_BATCH_BYTES: Final = 64 * 1024 * 1024


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

    def __init__(self, registry: Registry, subject: str, opener: Opener | None = None) -> None:
        """Compile the decoder; without an *opener*, messages are read as the contract declares."""
        self.contract = registry.latest(subject)
        self._opener = opener or opener_of(registry, subject)
        self._others = OtherVersions(self._opener.others(), self.contract)
        self._event_times = compile_event_times(self.contract.record, self.contract.options.event_time)
        self._payload = arrow_schema(self.contract.record)
        self._schema = pa.schema([*arrow_schema(self.contract.columns), *META_SCHEMA])
        self._columns = columns_for(self.contract.record)
        self._notes = notes_by(rule_of(self.contract.record))
        self._ids = _ids_of(self.contract)
        self._probe = HeaderProbe(lambda: columns_for(self.contract.record), self.contract.notation)

    def read(self, messages: Sequence[Message], now: int) -> DecodedMessages:
        """Decode *messages* into one micro-batch; see :func:`decode`."""
        refusals: list[Refusal] = []
        opened, end = self._opener.open(messages, refusals)
        events, end = self._read_payloads(opened, end, messages, refusals)
        events, moments = self._read_times(events, messages, refusals)
        events, moments = self._settle_ids(events, moments, refusals)
        dropped = self._opener.dropped(messages[:end])
        refusals = [each for each in refusals if each.index < end and each.index not in dropped]
        refusals.sort(key=lambda refusal: refusal.index)
        left = len(messages) - end
        if not events.rows.num_rows:
            return DecodedMessages(None, refusals, left, dropped)
        batch = MicroBatch(
            subject=self.contract.subject,
            rows=_with_meta(self._all_columns(events, messages), events.opened, moments, now, self._schema),
            notes=_notes(events, moments, self._notes),
            sealed=b"",
        )
        return DecodedMessages(batch, refusals, left, dropped)

    def check(self, message: Message) -> OpenedMessage:
        """Read one envelope, and find its contract; raises RefusedError with the reason if it is invalid."""
        return self._opener.check(message)

    def _read_payloads(
        self, opened: Opened, end: int, messages: Sequence[Message], refusals: list[Refusal]
    ) -> tuple[Decoded, int]:
        """Decode the payloads of the first *end* messages while the columns have room, and leave out refused ones.

        Returns:
            The decoded events, and the index of the first message that was not read.
        """
        again: dict[int, Writer] = {}
        try:
            written_by = [writer.record for writer in opened.writers]
            errors, taken = self._columns.read_within(written_by, opened.payloads, MAX_BATCH_BYTES)
            if taken < len(opened.indexes):
                end = opened.indexes[taken]
                opened = opened.first(taken)
            for place, error in errors:
                found = self._others.find(opened.payloads[place], opened.writers[place], error)
                if isinstance(found, Writer):
                    again[place] = found
                else:
                    refusals.append(self._undecodable(opened, place, messages, found))
            self._columns.read([each.record for each in again.values()], [opened.payloads[place] for place in again])
            contents = np.frombuffer(self._columns.content_hashes(), np.int64)
        finally:
            finished = self._columns.finish()
        kept = opened.without({place for place, _ in errors}).and_again(again, again.values(), opened)
        return Decoded(kept, to_batch(finished, self._payload), pa.array(contents)), end

    def _undecodable(self, opened: Opened, place: int, messages: Sequence[Message], error: UndecodableError) -> Refusal:
        index = opened.indexes[place]
        fault = self._first_fault(index, messages)
        if fault is not None:
            return fault
        native = is_native(messages[index])
        hint = self._probe.hint(opened.writers[place].record, opened.payloads[place], error, native)
        return Refusal(index, Reason.UNDECODABLE_PAYLOAD, f"{error.told(self.contract.notation)}{hint}")

    def _first_fault(self, index: int, messages: Sequence[Message]) -> Refusal | None:
        """Return the fault of a message's envelope, which has precedence over those of its payload."""
        try:
            self.check(messages[index])
        except RefusedError as first:
            return Refusal(index, first.reason, first.detail)
        return None

    def _read_times(
        self, events: Decoded, messages: Sequence[Message], refusals: list[Refusal]
    ) -> tuple[Decoded, pa.Array]:
        """Read the event times, and leave out events whose time is wrong."""
        moments, wrong = self._event_times(events.rows, events.opened.times)
        for each in wrong:
            index = events.opened.indexes[each.place]
            refusals.append(self._first_fault(index, messages) or Refusal(index, each.reason, each.detail))
        return _leave_out(events, moments, {each.place for each in wrong})

    def _settle_ids(self, events: Decoded, moments: pa.Array, refusals: list[Refusal]) -> tuple[Decoded, pa.Array]:
        """Derive the ids of events, or leave out those with another id, as the contract asks."""
        if not events.rows.num_rows:
            return events, moments
        ids, others = self._ids.settle(events.rows, events.opened.ids)
        refused = [(events.opened.indexes[at], detail) for at, detail in others.items()]
        refusals += [Refusal(index, Reason.MALFORMED_ENVELOPE, detail) for index, detail in refused]
        return _leave_out(events._replace(opened=events.opened._replace(ids=ids)), moments, others.keys())

    def _all_columns(self, events: Decoded, messages: Sequence[Message]) -> list[pa.Array]:
        """Return the columns of the payload, and those of what messages carry beside it."""
        wanted = self.contract.options.metadata
        read = [messages[index] for index in events.opened.indexes] if wanted else []
        return [*events.rows.columns, *metadata_arrays(wanted, read, self._opener.attributes)]


def _ids_of(contract: Contract) -> IdentityColumns | ChangeIds:
    envelope = contract.options.envelope
    if envelope.changes is not None and envelope.id is None:
        return ChangeIds(contract, envelope.changes.key)
    return IdentityColumns(contract)


def _leave_out(events: Decoded, moments: pa.Array, places: Collection[int]) -> tuple[Decoded, pa.Array]:
    if not places:
        return events, moments
    kept = [place for place in range(len(moments)) if place not in places]
    return events.without(places), moments.take(pa.array(kept, pa.int64()))


MakeDecoder: TypeAlias = Callable[[Registry, str], Decoder]
"""Makes the decoder of one subject."""


class DecodedMessages(NamedTuple):
    """Result of decoding some messages of one subject.

    *left* is the number of messages at the end that were not read, because the columns have their maximal size.
    *dropped* are the indexes of messages without a payload, which the contract leaves out.
    """

    batch: MicroBatch | None
    refusals: list[Refusal]
    left: int = 0
    dropped: Collection[int] = ()


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
    """Count *messages* as received, and refused ones also as dead-lettered, by reason; and note their numbers."""
    read = [] if decoded.batch is None else [tally_rows(decoded.batch, Outcome.RECEIVED, window)]
    unread = tally_unread_drops(messages, decoded.dropped, window)
    refused = tally_unread_refusals(messages, decoded.refusals, window)
    return read + unread + refused + tally_arrivals(messages, window)


def _with_meta(
    columns: list[pa.Array], opened: Opened, moments: pa.Array, now: int, schema: pa.Schema
) -> pa.RecordBatch:
    meta = {
        "_event_id": pa.array(opened.ids, pa.string()),
        "_event_time": moments.view(INSTANT.arrow),
        "_ingested_at": pa.repeat(pa.scalar(now, INSTANT.arrow), len(moments)),
        "_schema_version": pa.array([writer.contract.ref.version for writer in opened.writers], pa.int64()),
        "_source": pa.array(opened.sources, pa.string()),
    }
    return pa.RecordBatch.from_arrays([*columns, *(meta[name] for name in META_SCHEMA.names)], schema=schema)


def _notes(events: Decoded, moments: pa.Array, schema: pa.Schema) -> pa.RecordBatch:
    opened = events.opened
    columns = {
        "event_key": packed(event_keys(opened.ids), pa.binary(_KEY_BYTES)),
        "content_hash": events.contents,
        "event_time": moments,
        "published_at": pa.array(opened.published, pa.int64()),
        "first_published_at": pa.array(opened.first_published, pa.int64()),
        "window_start": pa.repeat(pa.scalar(0, pa.int64()), len(opened.indexes)),
        "message": pa.array(opened.indexes, pa.int32()),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in NOTES.names], schema=schema)


def event_keys(event_ids: Iterable[str]) -> list[bytes]:
    """Return the 128-bit key by which each event is remembered."""
    return digests([event_id.encode() for event_id in event_ids], _KEY_BYTES)
