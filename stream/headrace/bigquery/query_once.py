"""A query that is not retried, for callers that know whether to try again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from google.cloud import bigquery
from google.cloud.bigquery.table import RowIterator

from headrace.runtime.retry_policy import NO_RETRY
from headrace.schemas.envelope import to_micros

QUERY_SECONDS: Final = 60.0


def query_once(client: bigquery.Client, query: str, parameters: Sequence[Any] = ()) -> RowIterator:
    """Run *query* with its *parameters*, and return the rows.

    It is not retried, and waits for QUERY_SECONDS at most: the caller knows whether to try again. Raise the client's
    errors.
    """
    config = bigquery.QueryJobConfig(query_parameters=list(parameters))
    return client.query_and_wait(
        query, job_config=config, wait_timeout=QUERY_SECONDS, job_retry=NO_RETRY, retry=NO_RETRY
    )


def service_time(client: bigquery.Client) -> int:
    """Return BigQuery's own time, in microseconds since 1970; raise the client's errors."""
    query = "SELECT CURRENT_TIMESTAMP() AS now"
    (row,) = query_once(client, query)
    return to_micros(row["now"])
