"""The columns that Headrace adds to the table of every contract, without Arrow and without Google's client."""

from __future__ import annotations

from typing import Final

from headrace.bigquery.columns import Column

OWN_COLUMNS: Final = (
    Column("_event_id", "STRING", "REQUIRED", "Identity of the event, unique in this table"),
    Column("_event_time", "TIMESTAMP", "REQUIRED", "When the event happened; the table is partitioned by it"),
    Column("_ingested_at", "TIMESTAMP", "REQUIRED", "When the job decoded the event"),
    Column("_schema_version", "INT64", "REQUIRED", "Version of the contract with which the event was written"),
    Column("_source", "STRING", "REQUIRED", "The application that published the event"),
)
