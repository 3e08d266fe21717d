"""Headrace's own tables: the tallies, and the claims of engines."""

from __future__ import annotations

from typing import Final

from google.cloud import bigquery

from headrace.bigquery.event_table import partitioning
from headrace.bigquery.own_columns import (
    BOOL,
    INSTANT,
    INT64,
    STRING,
    bigquery_columns,
    nullable,
    own_schema,
    repeated,
    required,
)
from headrace.core.resource_names import ENGINES, TALLIES
from headrace.schemas.annotations import Partition

_WINDOW_COLUMNS: Final = (
    required("window_start", INSTANT, "Start of the window"),
    required("events", INT64, "Number of events in this window"),
    required("id_hash", INT64, "Sum of the hashes of their ids, modulo 2^64"),
    required("content_hash", INT64, "Sum of hashes, modulo 2^64: of rows if the outcome is written, else of values"),
)
_SEQUENCE_COLUMNS: Final = (
    required("source", STRING, "The source of the events"),
    required("epoch", STRING, "The run of the source in which they were numbered, from 1 on"),
    required("window_start", INSTANT, "Start of the window in which they were published"),
    required("first_number", INT64, "The first number"),
    required("last_number", INT64, "The last number; all between arrived, too"),
    required("published_until", INSTANT, "The latest publish time in the window, of this source and epoch"),
)
_TALLY_COLUMNS: Final = (
    required("subject", STRING, "The subject of the events"),
    required("outcome", STRING, "received, written, duplicate, dropped, dead_lettered or lost; or gap, or arrived"),
    nullable("reason", STRING, "Why the events were dead-lettered"),
    required("tallied_at", INSTANT, "When the events were counted"),
    required("tally_id", STRING, "Identity of this line, unique in this table"),
    nullable(
        "complete_until",
        INSTANT,
        "Every message of the subject that was published before this has its outcome",
    ),
    required("events", INT64, "Number of events in all windows"),
    repeated("windows", _WINDOW_COLUMNS, "The same counts by event-time window"),
    repeated("sequences", _SEQUENCE_COLUMNS, "Numbers of events that arrived, if their producer numbers them"),
)
_ENGINE_COLUMNS: Final = (
    required("engine", STRING, "Identity of the engine's journal"),
    required("run", STRING, "Unique name of the engine's process"),
    required("holder", STRING, "Host and process of the engine"),
    repeated("subscriptions", STRING, "The subscriptions that the engine reads"),
    repeated("streams", STRING, "The write streams to which the engine appends"),
    required("number", INT64, "Number of this statement, counted by the journal"),
    required("stated_at", INSTANT, "When the engine wrote this statement, by BigQuery's clock"),
    required("claimed_until", INSTANT, "When the claim ends unless the engine renews it"),
    required("serving", BOOL, "Whether the engine serves already; before, it only looks for other engines"),
    required("released", BOOL, "Whether the engine has ended and released its claim"),
)
TALLY_SCHEMA: Final = own_schema(_TALLY_COLUMNS)
ENGINES_SCHEMA: Final = own_schema(_ENGINE_COLUMNS)


def tallies_table(project: str, dataset: str) -> bigquery.Table:
    """Return the table of tallies, which the audit reads."""
    table = bigquery.Table(f"{project}.{dataset}.{TALLIES}", bigquery_columns(_TALLY_COLUMNS))
    table.description = "Counts of events by the job: every event received gets exactly one other outcome"
    table.time_partitioning = partitioning(Partition.DAY, "tallied_at", None)
    table.clustering_fields = ["subject", "outcome"]
    return table


def engines_table(project: str, dataset: str) -> bigquery.Table:
    """Return the table in which engines claim subscriptions, so that no two read the same one."""
    table = bigquery.Table(f"{project}.{dataset}.{ENGINES}", bigquery_columns(_ENGINE_COLUMNS))
    table.description = "Claims of engines on subscriptions; only engines write and read this table"
    table.time_partitioning = partitioning(Partition.DAY, "stated_at", None)  # engines delete old statements
    return table
