"""The archive's tables, as Arrow and as BigQuery has them."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
from google.cloud import bigquery

LETTERS: Final = "letters"
FACTS: Final = "facts"
TRAIL: Final = "trail"
LETTERS_KEPT_DAYS: Final = 90
TRAIL_KEPT_DAYS: Final = 800

_TYPES: Final = {
    pa.string(): "STRING",
    pa.int64(): "INT64",
    pa.binary(): "BYTES",
    pa.timestamp("us", "UTC"): "TIMESTAMP",
}
_TIME: Final = pa.timestamp("us", "UTC")


def _schema(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    return pa.schema([pa.field(name, type_, metadata={"doc": doc}) for name, type_, doc in columns])


LETTER_SCHEMA: Final = _schema(
    ("letter_id", pa.string(), "Identity of the letter, through all its replays"),
    ("attempt", pa.int64(), "How often it has been refused, this time included"),
    ("piece", pa.int64(), "Which piece of it this row holds, from 1"),
    ("pieces", pa.int64(), "How many there are"),
    ("refused_at", _TIME, "When it was refused"),
    ("reason", pa.string(), "Why: one of a closed list, see docs/dead-letters"),
    ("stage", pa.string(), "Which step refused it"),
    ("detail", pa.string(), "Field and place; never a value"),
    ("subject", pa.string(), "Whose subscription brought it"),
    ("event_id", pa.string(), "Its ce-id"),
    ("claimed", pa.string(), "The contract it claims to follow: its ce-dataschema"),
    ("source", pa.string(), "Who published it: its ce-source"),
    ("bytes", pa.int64(), "Size of the whole payload"),
    ("message_id", pa.string(), "Pub/Sub's id of the message"),
    ("published_at", _TIME, "When the message was published"),
    ("first_published_at", _TIME, "When its event was published first, before any replay"),
    ("source_subscription", pa.string(), "The subscription that brought it"),
    ("pipeline", pa.string(), "The job that refused it"),
    ("version", pa.string(), "Its version of Headrace"),
    ("collected_at", _TIME, "When this row was written"),
    ("key_id", pa.string(), "Which key the payload is encrypted with"),
    ("sealed", pa.binary(), "Payload and attributes, encrypted"),
)
FACT_SCHEMA: Final = _schema(
    ("letter_id", pa.string(), "Which letter"),
    ("attempt", pa.int64(), "Which of its attempts"),
    ("action", pa.string(), "revealed, edited, replayed, discarded, reopened or imported"),
    ("done_at", _TIME, "When"),
    ("who", pa.string(), "Who did it"),
    ("operation", pa.string(), "Which command it was part of"),
    ("why", pa.string(), "The reason that was given"),
    ("key_id", pa.string(), "Which key the edited payload is encrypted with"),
    ("sealed", pa.binary(), "The edited payload and attributes, encrypted"),
)
TRAIL_SCHEMA: Final = _schema(
    ("operation", pa.string(), "Identity of the command"),
    ("action", pa.string(), "What it does"),
    ("done_at", _TIME, "When it began, or ended"),
    ("who", pa.string(), "Who ran it"),
    ("filter", pa.string(), "Which letters it chose, as JSON"),
    ("why", pa.string(), "The reason that was given"),
    ("letters", pa.int64(), "How many letters it has done"),
    ("outcome", pa.string(), "How it ended; null when it began"),
)
_OPTIONAL: Final = {"event_id", "claimed", "source", "why", "sealed", "key_id", "outcome", "filter"}


def archive_tables(project: str, dataset: str) -> list[bigquery.Table]:
    """The three tables, as they should be."""
    return [
        _table(f"{project}.{dataset}.{LETTERS}", LETTER_SCHEMA, "refused_at", ["reason", "subject"], LETTERS_KEPT_DAYS),
        _table(f"{project}.{dataset}.{FACTS}", FACT_SCHEMA, "done_at", ["letter_id"], TRAIL_KEPT_DAYS),
        _table(f"{project}.{dataset}.{TRAIL}", TRAIL_SCHEMA, "done_at", ["action"], TRAIL_KEPT_DAYS),
    ]


_DESCRIPTIONS: Final = {
    LETTERS: "Every dead letter, once for each time it was refused; written by the collector alone",
    FACTS: "What was done with each letter; only ever added to",
    TRAIL: "Who looked at, mended, discarded and replayed dead letters; only ever added to",
}


def _table(name: str, schema: pa.Schema, time: str, cluster: list[str], days: int) -> bigquery.Table:
    table = bigquery.Table(name, [_column(field) for field in schema])
    table.description = _DESCRIPTIONS[table.table_id]
    table.time_partitioning = bigquery.TimePartitioning(type_="DAY", field=time, expiration_ms=days * 86_400_000)
    table.clustering_fields = cluster
    return table


def _column(field: pa.Field) -> bigquery.SchemaField:
    mode = "NULLABLE" if field.name in _OPTIONAL else "REQUIRED"
    return bigquery.SchemaField(field.name, _TYPES[field.type], mode, description=field.metadata[b"doc"].decode())
