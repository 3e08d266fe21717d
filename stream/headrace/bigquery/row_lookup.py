"""Queries for rows that a table already has, for messages older than the remembered ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from google.cloud import bigquery
from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

from headrace.bigquery.query_once import query_once
from headrace.core.row_hash import row_hashes

_QUERY_IDS: Final = 5_000  # an id has at most one kilobyte, and the parameters of a query at most ten megabytes


def stored_ids(
    client: bigquery.Client, table: str, column: str, ids: Sequence[str], times: tuple[str, datetime, datetime]
) -> set[str]:
    """Return those of *ids* that are in *column* of *table*, a name in SQL, in rows within the bounds of time.

    *times* has the partitioning column and its first and last time, both inclusive, so that the query reads only those
    partitions. Raise the client's errors.
    """
    found: set[str] = set()
    for start in range(0, len(ids), _QUERY_IDS):
        found |= _stored(client, table, column, ids[start : start + _QUERY_IDS], times)
    return found


def _stored(
    client: bigquery.Client, table: str, column: str, ids: Sequence[str], times: tuple[str, datetime, datetime]
) -> set[str]:
    time_column, first, last = times
    query = f"""
        SELECT DISTINCT {column} AS id FROM {table}
        WHERE {time_column} BETWEEN @first AND @last AND {column} IN UNNEST(@ids)
    """  # noqa: S608 names come from checked settings and contracts
    return {row["id"] for row in query_once(client, query, _parameters(ids, first, last))}


def stored_contents(
    client: bigquery.Client,
    table: str,
    columns: Sequence[str],
    ids: Sequence[str],
    within: tuple[datetime, datetime],
    content: Callable[[pa.RecordBatch], pa.Array] = row_hashes,
) -> dict[str, int]:
    """Return the hash of the *content* of *columns* of the row of each of *ids* that is in the table.

    *within* has the first and the last ``_event_time``. Raise the client's errors.
    """
    chosen = ", ".join(f"`{name}`" for name in columns)
    query = f"""
        SELECT {chosen} FROM {table}
        WHERE _event_time BETWEEN @first AND @last AND _event_id IN UNNEST(@ids)
    """  # noqa: S608 names come from checked settings and contracts
    found = query_once(client, query, _parameters(ids, *within))
    return {
        event_id: own
        for rows in found.to_arrow_iterable()
        for event_id, own in zip(rows.column("_event_id").to_pylist(), content(rows).to_pylist(), strict=True)
    }


def is_empty(client: bigquery.Client, table: str, time_column: str) -> bool:
    """Return whether *table*, a name in SQL, has no row at all."""
    query = f"""
        SELECT 1 AS one FROM {table} WHERE {time_column} >= TIMESTAMP '0001-01-01' LIMIT 1
    """  # noqa: S608 names come from checked settings and contracts
    return not list(query_once(client, query))


def _parameters(ids: Sequence[str], first: datetime, last: datetime) -> list[Any]:
    return [
        ArrayQueryParameter("ids", "STRING", list(ids)),
        ScalarQueryParameter("first", "TIMESTAMP", first),
        ScalarQueryParameter("last", "TIMESTAMP", last),
    ]
