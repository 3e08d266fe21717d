"""What the job asks of BigQuery and Pub/Sub besides moving events: how often, and how much a query reads. Pure.

The embedded engine asks each table now and then for a few rows that it has written, and tidies its claims. Looks at
tables and subscriptions cost nothing, and neither does a query that reads no table (the time of BigQuery).
"""

from __future__ import annotations

from typing import Final

DAY_SECONDS: Final = 86_400.0
LEAST_BYTES: Final = 10 * 2**20  # that BigQuery bills for a query
ROW_SECONDS: Final = 600.0  # between two queries for rows that were written, of one table
CLAIM_SECONDS: Final = 3600.0  # between two statements that delete claims which newer ones replace
LOOK_SECONDS: Final = 10.0  # between two looks at a table: is it still the same?
PROPERTY_SECONDS: Final = 30.0  # between two looks at a subject's table and subscription: are they as they should be?
LEASE_LOOK_SECONDS: Final = 10.0  # between two statements of the claim, each with a look and a query for the time
_TIME_BYTES: Final = 8  # of a TIMESTAMP, and
_ID_BYTES: Final = 2 + 36  # of a STRING that holds a UUID


def row_query_bytes(events_a_day: float) -> float:
    """Bytes that a query for rows that were written is billed, on average over a day.

    It reads the columns of time and id in the partition of a day that has *events_a_day* at its end; at a share of the
    day it has that share of them, and LEAST_BYTES are billed at least.
    """
    whole = events_a_day * (_TIME_BYTES + _ID_BYTES)
    if whole <= LEAST_BYTES:
        return float(LEAST_BYTES)
    return (whole * whole + LEAST_BYTES * LEAST_BYTES) / (2 * whole)


def row_queries_bytes(events_a_second: float, subjects: int, seconds: float) -> float:
    """Bytes that all queries for rows are billed in *seconds*; events are spread evenly over *subjects*."""
    each = row_query_bytes(events_a_second * DAY_SECONDS / subjects)
    return subjects * seconds / ROW_SECONDS * each


def claim_queries_bytes(seconds: float) -> float:
    """Bytes that tidying the claims is billed in *seconds*: their table is smaller than the least that is billed."""
    return seconds / CLAIM_SECONDS * LEAST_BYTES


def free_calls(subjects: int, seconds: float) -> float:
    """Calls of the embedded engine in *seconds* that cost nothing.

    Of each subject its table and, less often, table and subscription; the table of tallies; the dead letters'
    subscription; and for the claim its table and the time.
    """
    tables = (subjects + 1) / LOOK_SECONDS
    properties = (2 * subjects + 1) / PROPERTY_SECONDS
    return seconds * (tables + properties + 2 / LEASE_LOOK_SECONDS)


def free_calls_of_workers(processes: int, subjects: int, seconds: float) -> float:
    """Calls on Dataflow in *seconds* that cost nothing: each process of a worker looks at each table."""
    return seconds * processes * subjects / LOOK_SECONDS
