"""Rows in JSON, in the form of Headrace's other JSON: times in RFC 3339, decimals as text, bytes in base64."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final

import pyarrow as pa

from headrace.bigquery.event_table import META_SCHEMA
from headrace.schemas.envelope import EPOCH, to_micros
from headrace.schemas.masked import by_column
from headrace.schemas.model import Field, Kind, Record, Scalar
from headrace.schemas.registry import Contract
from headrace.schemas.to_json import fields_to_json

_KINDS: Final[Mapping[pa.DataType, Kind]] = {
    pa.string(): Kind.STRING,
    pa.int64(): Kind.LONG,
    pa.timestamp("us", "UTC"): Kind.TIMESTAMP_MICROS,
}


def columns_of_table(contract: Contract) -> Record:
    """Return the columns of a contract's table, named as there: masked and derived ones, then Headrace's own."""
    own = (Field(column.name, Scalar(_KINDS[column.type])) for column in META_SCHEMA)
    return Record(contract.options.table, (*by_column(contract.written).fields, *own))


def rows_to_json(columns: Record, rows: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return *rows*, which have some of these *columns*: rows that a filter drops have no derived ones."""
    fields = {each.name: each for each in columns.fields}
    present = Record(columns.name, tuple(fields[name] for name in rows.schema.names))
    return [fields_to_json(present, [_decoded(value) for value in row.values()]) for row in rows.to_pylist()]


def events_to_json(record: Record, rows: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the events of decoded *rows*: the fields of *record*, without Headrace's own columns."""
    return rows_to_json(record, rows.select([field.name for field in record.fields]))


def _decoded(value: Any) -> Any:
    """Return a value of Arrow as the decoder returns it: times and dates as integers."""
    match value:
        case datetime():
            return to_micros(value if value.tzinfo else value.replace(tzinfo=UTC))
        case date():
            return value.toordinal() - EPOCH.toordinal()
        case time():
            return to_micros(datetime.combine(EPOCH.date(), value, UTC))
        case list():
            return [_decoded(item) for item in value]
        case dict():
            return {name: _decoded(item) for name, item in value.items()}
        case _:
            return value
