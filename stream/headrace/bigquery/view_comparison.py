"""A comparison of a view with the wanted one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from headrace.bigquery.completeness_view import put_view, view_differs
from headrace.core.plan_changes import Change, PropertyChange, changed_texts
from headrace.core.plan_refusals import Refusal


def view_changes(view: bigquery.Table, client: bigquery.Client) -> Iterator[Change | Refusal]:
    """Yield the change that makes the wanted *view*, or why it cannot be made. Raise the client's errors."""
    name, put = f"{view.project}.{view.dataset_id}.{view.table_id}", partial(put_view, client, view)
    try:
        existing = client.get_table(view)
    except NotFound:
        yield Change("create", "view", name, put)
        return
    if existing.table_type != "VIEW":
        yield Refusal("view", name, "a table has the name of the view", "rename it, and provision again")
    elif view_differs(existing, view):
        yield Change("update", "view", name, put, diff=_diff(existing, view))


def _diff(existing: bigquery.Table, view: bigquery.Table) -> tuple[PropertyChange, ...]:
    known = {column.name: column.description for column in existing.schema or ()}
    return changed_texts(
        PropertyChange("query", existing.view_query, view.view_query),
        PropertyChange("description", existing.description, view.description),
        *(
            PropertyChange(f"description of column {each.name}", known.get(each.name), each.description)
            for each in view.schema or ()
        ),
    )
