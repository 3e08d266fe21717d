"""A comparison of a rollup's materialized view with the wanted one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from headrace.bigquery.rollup_views import LABEL, RollupView, put_rollup
from headrace.core.plan_changes import Change, PropertyChange, changed_texts
from headrace.core.plan_refusals import Refusal


def rollup_changes(view: RollupView, client: bigquery.Client) -> Iterator[Change | Refusal]:
    """Yield the change that makes the wanted *view*, or why it cannot be made. Raise the client's errors."""
    put = partial(put_rollup, client, view)
    try:
        existing = client.get_table(view.name)
    except NotFound:
        yield Change("create", "materialized view", view.name, put)
        return
    if existing.table_type != "MATERIALIZED_VIEW":
        yield Refusal("rollup", view.name, "another resource has the name of the rollup", "rename the rollup")
    elif existing.labels.get(LABEL) != view.label or (existing.description or "") != view.doc:
        diff = changed_texts(
            PropertyChange("query", existing.mview_query, view.query),
            PropertyChange("description", existing.description, view.doc),
        )
        yield Change("update", "materialized view", view.name, put, diff=diff)
