"""The view with the latest state of each row, for subjects of change events."""

from __future__ import annotations

from typing import Final

from google.cloud import bigquery

from headrace.bigquery.event_table import row_schema
from headrace.core.resource_names import Names
from headrace.schemas.message_rules.change_events import Op
from headrace.schemas.registry import Contract, Registry

_EVER: Final = "TIMESTAMP '0001-01-01 00:00:00+00'"  # a filter, because a table may require one by its partitions


def latest_views(registry: Registry, names: Names) -> list[bigquery.Table]:
    """Return the wanted view of each contract of change events."""
    newest = map(registry.latest, registry.subjects)
    return [_view(each, each.options.latest_view, names) for each in newest if each.options.latest_view is not None]


def latest_query(contract: Contract, names: Names) -> str:
    """Return the query of the view: the last change of each key, without deleted rows.

    Rows without a position, such as backfilled ones, count as older than all changes.
    """
    changes = contract.options.envelope.changes
    key = () if changes is None else changes.key
    columns = ",\n  ".join(map(_quoted, row_schema(contract).names))
    return (
        f"SELECT\n  {columns}\n"
        f"FROM {names.sql(contract.options.table)}\n"
        f"WHERE `_event_time` >= {_EVER}\n"
        "QUALIFY ROW_NUMBER() OVER (\n"
        f"  PARTITION BY {', '.join(_quoted(contract.column(each)) for each in key)}\n"
        "  ORDER BY `_op_position` DESC NULLS LAST, `_op_at` DESC NULLS LAST, `_event_id`\n"
        f") = 1 AND IFNULL(`_op`, '') != '{Op.DELETE}'"
    )


def _view(contract: Contract, name: str, names: Names) -> bigquery.Table:
    view = bigquery.Table(f"{names.project}.{names.dataset}.{name}")
    view.view_query = latest_query(contract, names)
    view.description = f"The latest state of each row of {contract.options.table}, without deleted rows"
    return view


def _quoted(column: str) -> str:
    return f"`{column}`"
