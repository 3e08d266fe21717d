"""Textbook path from a message to a row: fastavro, a mask over dicts, a set of ids, a dict that JSON can hold.

It is written as by a person who knows these libraries: schemas are parsed once, masked fields are found once, HMACs are
prepared. It checks less than Headrace does: it does not notice trailing bytes, wrong indexes, ids with two contents or
envelopes that contradict their event.
"""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

import fastavro
from fastavro.read import SchemaResolutionError

from headrace.core.message import Message
from headrace.dev.bench.textbook_masks import Maskers, plan_masks
from headrace.schemas.registry import Registry

Fields = dict[str, Any]
# Errors of fastavro, and of looking up a version, for invalid messages.
UNREADABLE: Final = (EOFError, LookupError, OverflowError, TypeError, ValueError, struct.error, SchemaResolutionError)


class Decoded(NamedTuple):
    """One event as dicts and Python values, with its attributes."""

    fields: Fields
    attributes: Mapping[str, str]


class Textbook:
    """Converter of one subject's messages into rows for ``insertAll``; each step takes the result of the one before."""

    def __init__(self, registry: Registry, subject: str, key: bytes) -> None:
        versions = [contract for contract in registry if contract.subject == subject]
        self._writers = {str(c.ref.version): fastavro.parse_schema(json.loads(c.json)) for c in versions}
        newest = json.loads(registry.latest(subject).json)
        # Use the same object if the writer is the newest version too: fastavro compares the two for each message.
        self._reader = self._writers[str(registry.latest(subject).ref.version)]
        self._maskers: Maskers = plan_masks(newest, key)
        self._maps = {f["name"] for f in newest["fields"] if isinstance(f["type"], dict) and f["type"]["type"] == "map"}
        self._seen: set[str] = set()

    def decode(self, messages: Sequence[Message]) -> list[Decoded]:
        """Read payloads with the writer's schema, resolved to the newest. Raises ValueError for an unreadable one."""
        events, unreadable = self.decode_or_refuse(messages)
        if unreadable:
            raise ValueError(f"{len(unreadable)} of {len(messages)} messages cannot be read")
        return events

    def decode_or_refuse(self, messages: Sequence[Message]) -> tuple[list[Decoded], list[Message]]:
        """Read messages from outside; return the events, and the messages that cannot be read."""
        events, unreadable = [], []
        for message in messages:
            try:
                version = message.attributes["ce-dataschema"].rpartition(":")[2]
                fields: Any = fastavro.schemaless_reader(io.BytesIO(message.data), self._writers[version], self._reader)
                event = Decoded(fields, message.attributes)
            except UNREADABLE:
                unreadable.append(message)
            else:
                events.append(event)
        return events, unreadable

    def mask(self, events: Sequence[Decoded]) -> Sequence[Decoded]:
        """Mask the personal fields of the schema in place."""
        for event in events:
            self._maskers.apply(event.fields)
        return events

    def dedupe(self, events: Sequence[Decoded]) -> list[Decoded]:
        """Remove events with ids that were seen before."""
        new = []
        for event in events:
            event_id = event.attributes["ce-id"]
            if event_id not in self._seen:
                self._seen.add(event_id)
                new.append(event)
        return new

    def row(self, events: Sequence[Decoded]) -> list[Fields]:
        """Return the rows for ``insertAll``, with values that a JSON encoder can write."""
        now = datetime.now(UTC).isoformat()
        return [self._row(fields, attributes, now) for fields, attributes in events]

    def _row(self, fields: Fields, attributes: Mapping[str, str], now: str) -> Fields:
        row = {name: _as_json(value) for name, value in fields.items()}
        for name in self._maps:
            row[name] = [{"key": key, "value": value} for key, value in row[name].items()]
        row["_event_id"] = attributes["ce-id"]
        row["_event_time"] = attributes["ce-time"]
        row["_ingested_at"] = now
        row["_schema_version"] = int(attributes["ce-dataschema"].rpartition(":")[2])
        row["_source"] = attributes["ce-source"]
        return row


def _as_json(value: Any) -> Any:
    convert = _CONVERT.get(type(value))
    return value if convert is None else convert(value)


def _dict_as_json(value: Fields) -> Fields:
    return {key: _as_json(item) for key, item in value.items()}


def _list_as_json(value: list[Any]) -> list[Any]:
    return [_as_json(item) for item in value]


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


_CONVERT: Final[dict[type, Callable[[Any], Any]]] = {
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    Decimal: str,
    UUID: str,
    bytes: _base64,
    dict: _dict_as_json,
    list: _list_as_json,
}
