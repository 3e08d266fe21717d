"""Values of a row in JSON, as ``docs/wire.md`` says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from google.cloud.bigquery import SchemaField


def in_json(value: Any) -> Any:
    """A value that a client of BigQuery or Avro's library gives, without members of records in it."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return str(value)
        case float():
            return value if math.isfinite(value) else {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[str(value)]
        case bytes():
            return value.hex()
        case UUID():
            return str(value)
        case Decimal():
            text = format(value, "f")
            return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            raise TypeError(f"no value of a column: {type(value)}")


def row_in_json(schema: Iterable[SchemaField], row: Mapping[str, Any]) -> dict[str, Any]:
    """A row that BigQuery's client gives, of a table with *schema*."""
    return {field.name: _column(field, row[field.name]) for field in schema}


def _column(field: SchemaField, value: Any) -> Any:
    if field.mode == "REPEATED":
        return [_single(field, item) for item in value]
    return _single(field, value)


def _single(field: SchemaField, value: Any) -> Any:
    if value is not None and field.field_type in ("RECORD", "STRUCT"):
        return row_in_json(field.fields, value)
    if field.field_type == "JSON":
        return json.dumps(value)
    return in_json(value)


def comparable(schema: Iterable[SchemaField], row: Mapping[str, Any]) -> str:
    """A row in JSON as one text, in which JSON columns are values, and zeros have their sign."""
    json_columns = {field.name for field in schema if field.field_type == "JSON"}
    found = {
        name: json.loads(value) if name in json_columns and value is not None else value for name, value in row.items()
    }
    return json.dumps(found, sort_keys=True)
