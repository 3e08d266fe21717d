"""The schemas of the archive's tables, for Arrow and for BigQuery."""

from __future__ import annotations

from typing import Final

from google.cloud import bigquery

from headrace.bigquery.event_table import partitioning
from headrace.bigquery.own_columns import (
    BYTES,
    INSTANT,
    INT64,
    STRING,
    OwnColumns,
    bigquery_columns,
    nullable,
    own_schema,
    required,
)
from headrace.schemas.annotations import Partition

LETTERS: Final = "letters"
FACTS: Final = "facts"
TRAIL: Final = "trail"
LETTERS_KEPT_DAYS: Final = 90
TRAIL_KEPT_DAYS: Final = 800

_LETTER_COLUMNS: Final = (
    required("letter_id", STRING, "Identity of the letter, through all its replays"),
    required("attempt", INT64, "Number of this refusal, from 1"),
    required("piece", INT64, "Number of the piece in this row, from 1"),
    required("pieces", INT64, "Number of pieces of the letter"),
    required("refused_at", INSTANT, "Time of the refusal"),
    required("reason", STRING, "Reason of the refusal, one of a closed list: see docs/dead-letters"),
    required("stage", STRING, "Step that refused the message"),
    required("detail", STRING, "Field and place of the error; never a value"),
    required("subject", STRING, "Subject of the subscription that delivered the message"),
    nullable("event_id", STRING, "The message's ce-id"),
    nullable("claimed", STRING, "Contract that the message claims to follow: its ce-dataschema"),
    nullable("source", STRING, "Publisher of the message: its ce-source"),
    required("bytes", INT64, "Size of the whole payload"),
    required("message_id", STRING, "Pub/Sub's id of the message"),
    required("published_at", INSTANT, "Time at which the message was published"),
    required("first_published_at", INSTANT, "Time at which the event was first published, before any replay"),
    required("source_subscription", STRING, "Subscription that delivered the message"),
    required("pipeline", STRING, "Job that refused the message"),
    required("version", STRING, "Version of Headrace that refused the message"),
    required("collected_at", INSTANT, "Time at which this row was written"),
    nullable("key_id", STRING, "Id of the key that encrypts the payload"),
    nullable("sealed", BYTES, "Payload and attributes, encrypted"),
)
_FACT_COLUMNS: Final = (
    required("letter_id", STRING, "Identity of the letter"),
    required("attempt", INT64, "Number of the refusal that the action is about"),
    required("action", STRING, "revealed, edited, replayed, discarded, reopened or imported"),
    required("done_at", INSTANT, "Time of the action"),
    required("actor", STRING, "Person or account that acted"),
    required("operation", STRING, "Id of the command that acted"),
    nullable("why", STRING, "Reason that the person gave"),
    nullable("key_id", STRING, "Id of the key that encrypts the edited payload"),
    nullable("sealed", BYTES, "The edited payload and attributes, encrypted"),
)
_TRAIL_COLUMNS: Final = (
    required("operation", STRING, "Id of the command"),
    required("action", STRING, "Name of the command"),
    required("done_at", INSTANT, "Time at which it began or ended"),
    required("actor", STRING, "Person or account that ran it"),
    nullable("filter", STRING, "Filter that chose the letters, as JSON"),
    nullable("why", STRING, "Reason that the person gave"),
    required("letters", INT64, "Number of letters handled"),
    nullable("outcome", STRING, "Outcome of the command; null at its beginning"),
)
LETTER_SCHEMA: Final = own_schema(_LETTER_COLUMNS)
FACT_SCHEMA: Final = own_schema(_FACT_COLUMNS)
TRAIL_SCHEMA: Final = own_schema(_TRAIL_COLUMNS)


def archive_tables(project: str, dataset: str) -> list[bigquery.Table]:
    """Return the three tables of the archive."""
    return [
        _table(
            f"{project}.{dataset}.{LETTERS}", _LETTER_COLUMNS, "refused_at", ["reason", "subject"], LETTERS_KEPT_DAYS
        ),
        _table(f"{project}.{dataset}.{FACTS}", _FACT_COLUMNS, "done_at", ["letter_id"], TRAIL_KEPT_DAYS),
        _table(f"{project}.{dataset}.{TRAIL}", _TRAIL_COLUMNS, "done_at", ["action"], TRAIL_KEPT_DAYS),
    ]


_DESCRIPTIONS: Final = {
    LETTERS: "Every dead letter, one row for each refusal; only the collector writes it",
    FACTS: "Actions on letters; append-only",
    TRAIL: "Commands that revealed, edited, discarded or replayed dead letters; append-only",
}


def _table(name: str, columns: OwnColumns, time: str, cluster: list[str], days: int) -> bigquery.Table:
    table = bigquery.Table(name, bigquery_columns(columns))
    table.description = _DESCRIPTIONS[table.table_id]
    table.time_partitioning = partitioning(Partition.DAY, time, days)
    table.clustering_fields = cluster
    return table
