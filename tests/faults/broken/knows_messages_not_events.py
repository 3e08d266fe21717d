"""Deduplicates by Pub/Sub's message id, which is another one when an event is published again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from headrace.core.message import Message
from headrace.steps.decode.decode_messages import DecodedMessages, Decoder, event_keys

_read = Decoder.read


def read_by_message(self: Decoder, messages: Sequence[Message], now: int) -> DecodedMessages:
    decoded = _read(self, messages, now)
    if decoded.batch is None:
        return decoded
    notes = decoded.batch.notes
    keys = event_keys(messages[index].message_id for index in notes.column("message").to_pylist())
    place = notes.schema.get_field_index("event_key")
    field = notes.schema.field(place)
    notes = notes.set_column(place, field, pa.array(keys, field.type))
    return decoded._replace(batch=replace(decoded.batch, notes=notes))


Decoder.read = read_by_message  # type: ignore[method-assign]
