"""The columns of what messages carry beside their events, as the contract asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

import pyarrow as pa

from headrace.bigquery.event_table import arrow_type
from headrace.core.message import Message
from headrace.schemas.envelope import to_micros
from headrace.schemas.errors import UnreadableTextError
from headrace.schemas.message_rules.metadata_columns import (
    FromAttribute,
    FromMessage,
    FromTimeAttribute,
    MetadataColumn,
)
from headrace.schemas.times import read_instant

AttributesOf = Callable[[Message], Mapping[str, str]]


def metadata_arrays(
    columns: Sequence[MetadataColumn], messages: Sequence[Message], attributes_of: AttributesOf
) -> list[pa.Array]:
    """Return the arrays of *columns*, with one value for each of *messages*."""
    attributes = [attributes_of(message) for message in messages] if columns else []
    return [pa.array(_values(column, messages, attributes), arrow_type(column.field.type)) for column in columns]


def _values(
    column: MetadataColumn, messages: Sequence[Message], attributes: Sequence[Mapping[str, str]]
) -> list[object]:
    match column.source:
        case FromAttribute(name):
            return [_text(each.get(name)) for each in attributes]
        case FromTimeAttribute(name):
            return [_moment(each.get(name)) for each in attributes]
        case FromMessage.PUBLISHED_AT:
            return [message.first_published_at for message in messages]
        case FromMessage.MESSAGE_ID:
            return [message.message_id for message in messages]
        case FromMessage.ORDERING_KEY:
            return [_text(message.ordering_key or None) for message in messages]
        case _:
            assert_never(column.source)


def _text(value: str | None) -> str | None:
    """Return a text that a column can hold; half a surrogate pair becomes a question mark."""
    return None if value is None else value.encode(errors="replace").decode()


def _moment(text: str | None) -> int | None:
    """Return the microseconds since 1970 of a time in RFC 3339; None for any other text."""
    try:
        return None if text is None else to_micros(read_instant(text))
    except UnreadableTextError:
        return None
