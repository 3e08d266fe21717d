"""A view for analysts: until when each subject's table is complete."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from google.cloud import bigquery

from headrace.bigquery.row_lookup import QUERY_SECONDS
from headrace.core.resource_names import COMPLETENESS, TALLIES, Names
from headrace.core.tally import GAP, OPEN_GAP
from headrace.runtime.retry_policy import NO_RETRY

_LATELY_DAYS: Final = 31

_COLUMNS: Final = [
    bigquery.SchemaField("subject", "STRING", description="Whose events"),
    bigquery.SchemaField(
        "complete_until",
        "TIMESTAMP",
        description="Every event published before this is in the table, or a dead letter; null: nothing is known yet",
    ),
    bigquery.SchemaField(
        "gaps",
        "INTEGER",
        description="Times before that in which the subscription received nothing, or not everything; see the tallies",
    ),
]


def completeness_view(project: str, dataset: str) -> bigquery.Table:
    """The view as it should be; BigQuery takes the columns' descriptions only once it exists."""
    view = bigquery.Table(f"{project}.{dataset}.{COMPLETENESS}", _COLUMNS)
    view.view_query = (
        f"SELECT subject, MAX(complete_until) AS complete_until, COUNTIF({OPEN_GAP}) AS gaps\n"
        f"FROM {Names(project, dataset).sql(TALLIES)}\n"
        "GROUP BY subject"
    )
    view.description = "Until when each subject's table is complete, by publish time; what was tallied is the evidence"
    return view


def known_complete(client: bigquery.Client, names: Names) -> Callable[[str], int]:
    """Return a function that says up to when (microseconds) a subject was last said to be complete; 0: not lately.

    A gap that was stated is not stated again. All subjects are asked for in one query, once it succeeds. The function
    raises what the client raises.
    """
    lock, known = threading.Lock(), dict[str, int]()
    query = f"""
        SELECT subject, UNIX_MICROS(MAX(IF(outcome = '{GAP}', tallied_at, complete_until))) AS moment
        FROM {names.sql(TALLIES)}
        WHERE tallied_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {_LATELY_DAYS} DAY)
        GROUP BY subject
    """  # noqa: S608 names come from checked settings

    def complete_until(subject: str) -> int:
        with lock:
            if not known:
                rows = client.query_and_wait(query, wait_timeout=QUERY_SECONDS, job_retry=NO_RETRY, retry=NO_RETRY)
                known.update({"": 0} | {row["subject"]: row["moment"] or 0 for row in rows})
        return known.get(subject, 0)

    return complete_until


def view_differs(existing: bigquery.Table, wanted: bigquery.Table) -> bool:
    """Whether query or descriptions are others."""
    return bool(_described(existing) != _described(wanted))


def put_view(client: bigquery.Client, wanted: bigquery.Table) -> None:
    """Create or change the view; its columns are described in a request of their own, since a query makes them anew."""
    made = bigquery.Table(wanted.reference)
    made.view_query, made.description = wanted.view_query, wanted.description
    if client.create_table(made, exists_ok=True).view_query != wanted.view_query:
        client.update_table(made, ["view_query"])
    made.schema = wanted.schema
    client.update_table(made, ["schema", "description"])


def _described(view: bigquery.Table) -> Any:
    columns = [(column.name, column.description) for column in view.schema]
    return view.view_query, view.description, columns
