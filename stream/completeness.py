"""A view for analysts: until when each subject's table is complete."""

from __future__ import annotations

from typing import Any, Final

from google.cloud import bigquery

from stream.names import COMPLETENESS, TALLIES, Names

_COLUMNS: Final = [
    bigquery.SchemaField("subject", "STRING", description="Whose events"),
    bigquery.SchemaField(
        "complete_until",
        "TIMESTAMP",
        description="Every event published before this is in the table, or a dead letter; null: nothing is known yet",
    ),
]


def completeness_view(project: str, dataset: str) -> bigquery.Table:
    """The view as it should be; BigQuery takes the columns' descriptions only once it exists."""
    view = bigquery.Table(f"{project}.{dataset}.{COMPLETENESS}", _COLUMNS)
    view.view_query = (
        "SELECT subject, MAX(complete_until) AS complete_until\n"
        f"FROM {Names(project, dataset).sql(TALLIES)}\n"
        "GROUP BY subject"
    )
    view.description = "Until when each subject's table is complete, by publish time; what was tallied is the evidence"
    return view


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
