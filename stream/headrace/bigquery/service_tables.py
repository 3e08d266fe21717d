"""The tables that are our own: what was counted, and which engine reads what."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
from google.cloud import bigquery

from headrace.bigquery.event_table import INSTANT, partitioning, plain_column
from headrace.core.resource_names import ENGINES, TALLIES
from headrace.schemas.annotations import Partition

TALLY_SCHEMA: Final = pa.schema(
    [
        pa.field("subject", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("tallied_at", INSTANT.arrow, nullable=False),
        pa.field("tally_id", pa.string(), nullable=False),
        pa.field("complete_until", INSTANT.arrow),
        pa.field("events", pa.int64(), nullable=False),
        pa.field(
            "windows",
            pa.list_(
                pa.field(
                    "item",
                    pa.struct(
                        [
                            pa.field("window_start", INSTANT.arrow, nullable=False),
                            pa.field("events", pa.int64(), nullable=False),
                            pa.field("id_hash", pa.int64(), nullable=False),
                            pa.field("content_hash", pa.int64(), nullable=False),
                        ]
                    ),
                    nullable=False,
                )
            ),
            nullable=False,
        ),
    ]
)

ENGINES_SCHEMA: Final = pa.schema(
    [
        pa.field("engine", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("holder", pa.string(), nullable=False),
        pa.field("subscriptions", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False),
        pa.field("streams", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("stated_at", INSTANT.arrow, nullable=False),
        pa.field("claimed_until", INSTANT.arrow, nullable=False),
        pa.field("serving", pa.bool_(), nullable=False),
        pa.field("released", pa.bool_(), nullable=False),
    ]
)


def tallies_table(project: str, dataset: str) -> bigquery.Table:
    """The table of counts that the audit reads."""
    fields = [
        plain_column("subject", "STRING", "REQUIRED", "Whose events were counted"),
        plain_column("outcome", "STRING", "REQUIRED", "received, written, duplicate, dropped, dead_lettered or lost"),
        plain_column("reason", "STRING", "NULLABLE", "Why they were dead-lettered"),
        plain_column("tallied_at", "TIMESTAMP", "REQUIRED", "When they were counted"),
        plain_column("tally_id", "STRING", "REQUIRED", "Identity of this line: each stands here once"),
        plain_column(
            "complete_until",
            "TIMESTAMP",
            "NULLABLE",
            "Every message of the subject that was published before this has its outcome",
        ),
        plain_column("events", "INT64", "REQUIRED", "How many, over all windows"),
        plain_column(
            "windows",
            "RECORD",
            "REPEATED",
            "The same by event-time window",
            [
                plain_column("window_start", "TIMESTAMP", "REQUIRED", "Start of the window"),
                plain_column("events", "INT64", "REQUIRED", "How many in this window"),
                plain_column("id_hash", "INT64", "REQUIRED", "Sum of their ids' hashes, modulo 2^64"),
                plain_column(
                    "content_hash",
                    "INT64",
                    "REQUIRED",
                    "Sum of hashes, modulo 2^64: of rows where written, else of payloads",
                ),
            ],
        ),
    ]
    table = bigquery.Table(f"{project}.{dataset}.{TALLIES}", fields)
    table.description = "What the job counted: every event received ends in exactly one other outcome"
    table.time_partitioning = partitioning(Partition.DAY, "tallied_at", None)
    table.clustering_fields = ["subject", "outcome"]
    return table


def engines_table(project: str, dataset: str) -> bigquery.Table:
    """The table in which engines say what they read, so that no two read the same."""
    fields = [
        plain_column("engine", "STRING", "REQUIRED", "Which journal the engine has"),
        plain_column("run", "STRING", "REQUIRED", "Which process it was, by a name of its own"),
        plain_column("holder", "STRING", "REQUIRED", "Host and process of the engine"),
        plain_column("subscriptions", "STRING", "REPEATED", "What it reads"),
        plain_column("streams", "STRING", "REPEATED", "What it appends to"),
        plain_column("number", "INT64", "REQUIRED", "Statements of this journal, counted in it before they are made"),
        plain_column("stated_at", "TIMESTAMP", "REQUIRED", "When it said so, by BigQuery's clock"),
        plain_column("claimed_until", "TIMESTAMP", "REQUIRED", "Until when this holds, unless it is said again"),
        plain_column("serving", "BOOL", "REQUIRED", "Whether it works already; before, it only looks for others"),
        plain_column("released", "BOOL", "REQUIRED", "Whether it has ended in good order"),
    ]
    table = bigquery.Table(f"{project}.{dataset}.{ENGINES}", fields)
    table.description = "Which engine reads which subscriptions; written and read by the engines alone"
    table.time_partitioning = partitioning(Partition.DAY, "stated_at", None)  # engines delete what no longer counts
    return table
