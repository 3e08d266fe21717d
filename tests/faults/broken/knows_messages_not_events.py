"""Deduplicates by Pub/Sub's message id, which is another one when an event is published again."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from stream import decode
from stream.message import Message

_notes = decode._notes


def notes_by_message(opened: decode.Opened, messages: Sequence[Message], moments: pa.Array) -> pa.RecordBatch:
    notes = _notes(opened, messages, moments)
    keys = decode.event_keys(messages[index].message_id for index in opened.indexes)
    place = notes.schema.get_field_index("event_key")
    return notes.set_column(place, notes.schema.field(place), pa.array(keys, notes.schema.field(place).type))


decode._notes = notes_by_message
