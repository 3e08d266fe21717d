"""The schemas of the archive's tables, for Arrow and for BigQuery."""

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
    ("attempt", pa.int64(), "Number of this refusal, from 1"),
    ("piece", pa.int64(), "Number of the piece in this row, from 1"),
    ("pieces", pa.int64(), "Number of pieces of the letter"),
    ("refused_at", _TIME, "Time of the refusal"),
    ("reason", pa.string(), "Reason of the refusal, one of a closed list: see docs/dead-letters"),
    ("stage", pa.string(), "Step that refused the message"),
    ("detail", pa.string(), "Field and place of the error; never a value"),
    ("subject", pa.string(), "Subject of the subscription that delivered the message"),
    ("event_id", pa.string(), "The message's ce-id"),
    ("claimed", pa.string(), "Contract that the message claims to follow: its ce-dataschema"),
    ("source", pa.string(), "Publisher of the message: its ce-source"),
    ("bytes", pa.int64(), "Size of the whole payload"),
    ("message_id", pa.string(), "Pub/Sub's id of the message"),
    ("published_at", _TIME, "Time at which the message was published"),
    ("first_published_at", _TIME, "Time at which the event was first published, before any replay"),
    ("source_subscription", pa.string(), "Subscription that delivered the message"),
    ("pipeline", pa.string(), "Job that refused the message"),
    ("version", pa.string(), "Version of Headrace that refused the message"),
    ("collected_at", _TIME, "Time at which this row was written"),
    ("key_id", pa.string(), "Id of the key that encrypts the payload"),
    ("sealed", pa.binary(), "Payload and attributes, encrypted"),
)
FACT_SCHEMA: Final = _schema(
    ("letter_id", pa.string(), "Identity of the letter"),
    ("attempt", pa.int64(), "Number of the refusal that the action is about"),
    ("action", pa.string(), "revealed, edited, replayed, discarded, reopened or imported"),
    ("done_at", _TIME, "Time of the action"),
    ("actor", pa.string(), "Person or account that acted"),
    ("operation", pa.string(), "Id of the command that acted"),
    ("why", pa.string(), "Reason that the person gave"),
    ("key_id", pa.string(), "Id of the key that encrypts the edited payload"),
    ("sealed", pa.binary(), "The edited payload and attributes, encrypted"),
)
TRAIL_SCHEMA: Final = _schema(
    ("operation", pa.string(), "Id of the command"),
    ("action", pa.string(), "Name of the command"),
    ("done_at", _TIME, "Time at which it began or ended"),
    ("actor", pa.string(), "Person or account that ran it"),
    ("filter", pa.string(), "Filter that chose the letters, as JSON"),
    ("why", pa.string(), "Reason that the person gave"),
    ("letters", pa.int64(), "Number of letters handled"),
    ("outcome", pa.string(), "Outcome of the command; null at its beginning"),
)
_OPTIONAL: Final = {"event_id", "claimed", "source", "why", "sealed", "key_id", "outcome", "filter"}


def archive_tables(project: str, dataset: str) -> list[bigquery.Table]:
    """Return the three tables of the archive."""
    return [
        _table(f"{project}.{dataset}.{LETTERS}", LETTER_SCHEMA, "refused_at", ["reason", "subject"], LETTERS_KEPT_DAYS),
        _table(f"{project}.{dataset}.{FACTS}", FACT_SCHEMA, "done_at", ["letter_id"], TRAIL_KEPT_DAYS),
        _table(f"{project}.{dataset}.{TRAIL}", TRAIL_SCHEMA, "done_at", ["action"], TRAIL_KEPT_DAYS),
    ]


_DESCRIPTIONS: Final = {
    LETTERS: "Every dead letter, one row for each refusal; only the collector writes it",
    FACTS: "Actions on letters; append-only",
    TRAIL: "Commands that revealed, edited, discarded or replayed dead letters; append-only",
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
