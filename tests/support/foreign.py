"""Payloads of producers that know nothing of Headrace, and what each decoder makes of them."""

from __future__ import annotations

import io
from typing import Any

import fastavro

from headrace.schemas.registry import Contract
from tests.support.readers import compile_reader

READERS = ("values", "compiled", "fallback")


def by_fastavro(avro: dict[str, Any], event: dict[str, Any]) -> bytes:
    """The payload of another producer, which knows nothing of us."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(avro), event)
    return out.getvalue()


def read(kind: str, writer: Contract, reader: Contract, data: bytes) -> dict[str, Any]:
    """The values by column, without the event time."""
    values = compile_reader(kind, writer.record, reader.record)(data)
    return {
        field.column: value for field, value in zip(reader.record.fields, values, strict=True) if field.name != "at"
    }
