"""Count the job's calls of BigQuery and Pub/Sub that move no events, and the bytes that its queries read. Pure.

The embedded engine queries each table regularly for a few rows that it has written, and deletes old claims. Checks of
tables and subscriptions are free, and so is a query that reads no table (the time of BigQuery).
"""

from __future__ import annotations

from typing import Final

DAY_SECONDS: Final = 86_400.0
LEAST_BYTES: Final = 10 * 2**20  # the least that BigQuery bills for a query
ROW_SECONDS: Final = 600.0  # between two queries of a table for written rows
CLAIM_SECONDS: Final = 3600.0  # between two statements that delete replaced claims
LOOK_SECONDS: Final = 10.0  # between two checks that a table is still the same
PROPERTY_SECONDS: Final = 30.0  # between two checks of the properties of a subject's table and subscription
LEASE_LOOK_SECONDS: Final = 10.0  # between two renewals of the claim, each with a check and a query for the time
_TIME_BYTES: Final = 8  # a TIMESTAMP
_ID_BYTES: Final = 2 + 36  # a STRING with a UUID


def row_query_bytes(events_a_day: float) -> float:
    """Return the billed bytes of a query for written rows, on average over a day.

    The query reads the columns of time and id in the partition of the day. The partition grows evenly to
    *events_a_day*, and at least LEAST_BYTES are billed.
    """
    whole = events_a_day * (_TIME_BYTES + _ID_BYTES)
    if whole <= LEAST_BYTES:
        return float(LEAST_BYTES)
    return (whole * whole + LEAST_BYTES * LEAST_BYTES) / (2 * whole)


def row_queries_bytes(events_a_second: float, subjects: int, seconds: float) -> float:
    """Return the billed bytes of all queries for rows in *seconds*; events are spread evenly over *subjects*."""
    each = row_query_bytes(events_a_second * DAY_SECONDS / subjects)
    return subjects * seconds / ROW_SECONDS * each


def claim_queries_bytes(seconds: float) -> float:
    """Return the billed bytes to delete claims in *seconds*; their table is smaller than LEAST_BYTES."""
    return seconds / CLAIM_SECONDS * LEAST_BYTES


def free_calls(subjects: int, seconds: float) -> float:
    """Return the free calls of the embedded engine in *seconds*.

    The engine checks the table of each subject and, less often, table and subscription; the table of tallies; the
    subscription of dead letters; and for the claim its table and the time.
    """
    tables = (subjects + 1) / LOOK_SECONDS
    properties = (2 * subjects + 1) / PROPERTY_SECONDS
    return seconds * (tables + properties + 2 / LEASE_LOOK_SECONDS)


def free_calls_of_workers(processes: int, subjects: int, seconds: float) -> float:
    """Return the free calls on Dataflow in *seconds*: each process of a worker checks each table."""
    return seconds * processes * subjects / LOOK_SECONDS
