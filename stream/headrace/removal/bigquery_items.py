"""The tables, views and datasets of the contracts, with views before tables, and tables before their dataset.

A table is removed if the contracts or Headrace itself name it, and if it has the label that `headrace provision` gives.
Any other table stays, and its dataset with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from typing import Final

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from headrace.core.resource_names import COMPLETENESS, ENGINES, TALLIES, Names, is_provisioned
from headrace.dead_letters.archive_tables import FACTS, LETTERS, TRAIL
from headrace.errors import Exit, HeadraceError
from headrace.removal.items import NOT_OURS, Fate, Item
from headrace.schemas.registry import Registry

_MOST_NAMED: Final = 3
_KINDS: Final = {"MATERIALIZED_VIEW": "materialized view", "VIEW": "view", "TABLE": "table"}  # in this order


class NotEmptyError(HeadraceError, RuntimeError, error_code="HR-320", exit_code=Exit.CONFIGURATION):
    """A dataset got a table after the list was made. The text names both. The dataset was not removed."""


def bigquery_items(registry: Registry, names: Names, client: bigquery.Client) -> list[Item]:
    """Return the existing ones. Raise the client's errors."""
    archive = {LETTERS, FACTS, TRAIL}
    wanted = {names.dataset: own_tables(registry), names.archive: archive, names.loads: frozenset[str]()}
    return [item for dataset, tables in wanted.items() for item in _dataset(names.project, dataset, tables, client)]


def own_tables(registry: Registry) -> set[str]:
    """Return the names of the tables and views in the dataset that the contracts and Headrace need.

    Older versions of a contract may name another table.
    """
    tables = {table for contract in registry for table in contract.options.tables}
    rollups = {rollup.name for contract in registry for rollup in contract.transformations.rollups}
    return {*tables, *rollups, TALLIES, ENGINES, COMPLETENESS}


def _dataset(project: str, dataset: str, wanted: Collection[str], client: bigquery.Client) -> Iterator[Item]:
    name = f"{project}.{dataset}"
    try:
        existing = client.get_dataset(name)
        listed = [each.table_id for each in client.list_tables(name)]
    except NotFound:
        return
    found = [item for table in sorted(set(listed) & set(wanted)) for item in _table(f"{name}.{table}", client)]
    found.sort(key=lambda item: list(_KINDS.values()).index(item.kind))
    yield from found
    kept = [each.name for each in found if each.fate is Fate.KEEP]
    foreign = [f"{name}.{table}" for table in sorted(set(listed) - set(wanted))]
    item = Item(kind="dataset", name=name, remove=partial(_delete_dataset, name, client))
    if not is_provisioned(existing.labels):
        yield item.kept(NOT_OURS)
    elif kept or foreign:
        yield item.kept(f"it holds {_listed([*kept, *foreign])}")
    else:
        yield item


def _delete_dataset(name: str, client: bigquery.Client) -> None:
    """Delete a dataset without tables. BigQuery checks that too, and then also for routines and models."""
    left = [each.table_id for each in client.list_tables(name)]
    if left:
        raise NotEmptyError(
            f"{name}: it holds {_listed(left)} now; move what you need, and delete the dataset yourself"
        )
    client.delete_dataset(name)


def _table(name: str, client: bigquery.Client) -> Iterator[Item]:
    try:
        existing = client.get_table(name)
    except NotFound:
        return
    kind = _KINDS.get(existing.table_type, "table")
    rows, size = (None, None) if kind == "view" else (existing.num_rows, existing.num_bytes)
    item = Item(kind=kind, name=name, rows=rows, size=size, remove=partial(client.delete_table, name))
    yield item if is_provisioned(existing.labels) else item.kept(NOT_OURS)


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
