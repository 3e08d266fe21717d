"""The view that shows analysts until when each subject's table is complete."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from google.cloud import bigquery

from headrace.bigquery.query_once import query_once
from headrace.core.outcome import GAP, OPEN_GAP
from headrace.core.resource_names import COMPLETENESS, PROVISIONED, TALLIES, Names

_LATELY: Final = "tallied_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 31 DAY)"

_COLUMNS: Final = [
    bigquery.SchemaField("subject", "STRING", description="The subject of the events"),
    bigquery.SchemaField(
        "complete_until",
        "TIMESTAMP",
        description="Every event published before this is in the table or is a dead letter; null: not known yet",
    ),
    bigquery.SchemaField(
        "gaps",
        "INTEGER",
        description="Number of times before that in which the subscription may have missed events; see the tallies",
    ),
]


def completeness_view(project: str, dataset: str) -> bigquery.Table:
    """Return the wanted view. BigQuery accepts the descriptions of its columns only after the view exists."""
    view = bigquery.Table(f"{project}.{dataset}.{COMPLETENESS}", _COLUMNS)
    view.view_query = _completeness(Names(project, dataset))
    view.description = "The publish time until which each subject's table is complete, derived from the tallies"
    return view


def lately_complete(names: Names) -> str:
    """Return the view's query of the last month's tallies, for whoever may read the tallies and not the view."""
    return _completeness(names, f"WHERE {_LATELY}\n")


def _completeness(names: Names, which: str = "") -> str:
    return (
        f"SELECT subject, MAX(complete_until) AS complete_until, COUNTIF({OPEN_GAP}) AS gaps\n"
        f"FROM {names.sql(TALLIES)}\n"
        f"{which}"
        "GROUP BY subject"
    )


def known_complete(client: bigquery.Client, names: Names) -> Callable[[str], int]:
    """Return a function that reads until when a subject was last recorded as complete, in microseconds since 1970.

    The function returns 0 if the tallies of the last month have no record. The record of a gap counts too, so that no
    gap is recorded twice. One query reads all subjects; after it succeeds, it is not repeated. The function raises the
    client's errors.
    """
    lock, known = threading.Lock(), dict[str, int]()
    query = f"""
        SELECT subject, UNIX_MICROS(MAX(IF(outcome = '{GAP}', tallied_at, complete_until))) AS moment
        FROM {names.sql(TALLIES)}
        WHERE {_LATELY}
        GROUP BY subject
    """  # noqa: S608 names come from checked settings

    def complete_until(subject: str) -> int:
        with lock:
            if not known:
                rows = query_once(client, query)
                known.update({"": 0} | {row["subject"]: row["moment"] or 0 for row in rows})
        return known.get(subject, 0)

    return complete_until


def view_differs(existing: bigquery.Table, wanted: bigquery.Table) -> bool:
    """Return whether the query or the descriptions differ; those of columns count if *wanted* has any."""
    return bool(_described(existing, wanted) != _described(wanted, wanted))


def put_view(client: bigquery.Client, wanted: bigquery.Table) -> None:
    """Create or change the view. Describe its columns in a separate request, because a query creates them anew."""
    made = bigquery.Table(wanted.reference)
    made.view_query, made.description, made.labels = wanted.view_query, wanted.description, dict(PROVISIONED)
    if client.create_table(made, exists_ok=True).view_query != wanted.view_query:
        client.update_table(made, ["view_query"])
    if wanted.schema:
        made.schema = wanted.schema
    client.update_table(made, ["schema", "description"] if wanted.schema else ["description"])


def _described(view: bigquery.Table, wanted: bigquery.Table) -> Any:
    columns = [(column.name, column.description) for column in view.schema] if wanted.schema else []
    return view.view_query, view.description, columns
