"""The tables that are our own: what was counted, and which engine reads what."""

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
    required("events", INT64, "How many in this window"),
    required("id_hash", INT64, "Sum of their ids' hashes, modulo 2^64"),
    required("content_hash", INT64, "Sum of hashes, modulo 2^64: of rows where written, else of payloads"),
)
_TALLY_COLUMNS: Final = (
    required("subject", STRING, "Whose events were counted"),
    required("outcome", STRING, "received, written, duplicate, dropped, dead_lettered or lost"),
    nullable("reason", STRING, "Why they were dead-lettered"),
    required("tallied_at", INSTANT, "When they were counted"),
    required("tally_id", STRING, "Identity of this line: each stands here once"),
    nullable(
        "complete_until",
        INSTANT,
        "Every message of the subject that was published before this has its outcome",
    ),
    required("events", INT64, "How many, over all windows"),
    repeated("windows", _WINDOW_COLUMNS, "The same by event-time window"),
)
_ENGINE_COLUMNS: Final = (
    required("engine", STRING, "Which journal the engine has"),
    required("run", STRING, "Which process it was, by a name of its own"),
    required("holder", STRING, "Host and process of the engine"),
    repeated("subscriptions", STRING, "What it reads"),
    repeated("streams", STRING, "What it appends to"),
    required("number", INT64, "Statements of this journal, counted in it before they are made"),
    required("stated_at", INSTANT, "When it said so, by BigQuery's clock"),
    required("claimed_until", INSTANT, "Until when this holds, unless it is said again"),
    required("serving", BOOL, "Whether it works already; before, it only looks for others"),
    required("released", BOOL, "Whether it has ended in good order"),
)
TALLY_SCHEMA: Final = own_schema(_TALLY_COLUMNS)
ENGINES_SCHEMA: Final = own_schema(_ENGINE_COLUMNS)


def tallies_table(project: str, dataset: str) -> bigquery.Table:
    """The table of counts that the audit reads."""
    table = bigquery.Table(f"{project}.{dataset}.{TALLIES}", bigquery_columns(_TALLY_COLUMNS))
    table.description = "What the job counted: every event received ends in exactly one other outcome"
    table.time_partitioning = partitioning(Partition.DAY, "tallied_at", None)
    table.clustering_fields = ["subject", "outcome"]
    return table


def engines_table(project: str, dataset: str) -> bigquery.Table:
    """The table in which engines say what they read, so that no two read the same."""
    table = bigquery.Table(f"{project}.{dataset}.{ENGINES}", bigquery_columns(_ENGINE_COLUMNS))
    table.description = "Which engine reads which subscriptions; written and read by the engines alone"
    table.time_partitioning = partitioning(Partition.DAY, "stated_at", None)  # engines delete what no longer counts
    return table
