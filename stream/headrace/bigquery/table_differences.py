"""The differences of a table before and after a change, property by property, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from google.cloud import bigquery

from headrace.bigquery.api_columns import column_of
from headrace.bigquery.columns import Column
from headrace.core.plan_changes import PropertyChange
from headrace.core.plan_refusals import Refusal

DAY_MS: Final = 86_400_000
COLUMN: Final = "column "  # before the path of a column, in the name of a property


def created_properties(table: bigquery.Table) -> tuple[PropertyChange, ...]:
    """Return the properties of a table that is created, its columns last."""
    values = {
        "partitioning": _partitioning(table.time_partitioning),
        "partitions are kept": kept_words(table.time_partitioning),
        "clustering": _listed(table.clustering_fields),
        "partition filter": "required" if table.require_partition_filter else None,
    }
    found = [PropertyChange(name, None, value) for name, value in values.items() if value]
    return (*found, *_columns([], [*map(column_of, table.schema)]))


def changed_properties(existing: bigquery.Table, fields: Mapping[str, Any]) -> tuple[PropertyChange, ...]:
    """Return what an update to *fields* changes: columns by their paths, and other properties.

    *fields* has new values by the names of Google's client.
    """
    return tuple(_changed(existing, fields))


def expiry_refusals(existing: bigquery.Table, wanted: bigquery.Table, name: str) -> Iterator[Refusal]:
    """Yield a refusal if BigQuery would delete rows at once, because partitions would be kept for less time."""
    new = wanted.time_partitioning.expiration_ms
    old = existing.time_partitioning.expiration_ms
    if new is None or (old is not None and old <= new) or _is_empty(existing):
        return
    why = (
        f"its partitions are kept {kept_words(existing.time_partitioning)}, and the contract keeps them "
        f"{kept_words(wanted.time_partitioning)}: BigQuery would delete older rows at once"
    )
    statement = (
        f"ALTER TABLE `{existing.project}.{existing.dataset_id}.{existing.table_id}` "
        f"SET OPTIONS (partition_expiration_days = {new / DAY_MS:g})"
    )
    yield Refusal("table", name, why, f"to keep them, change expire_after_days; to delete them, run: {statement}")


def kept_words(partitioning: bigquery.TimePartitioning) -> str:
    """Return how long partitions are kept, such as ``90 days``."""
    return f"{partitioning.expiration_ms / DAY_MS:g} days" if partitioning.expiration_ms else "for ever"


def _changed(existing: bigquery.Table, fields: Mapping[str, Any]) -> Iterator[PropertyChange]:
    for name, value in fields.items():
        match name:
            case "schema":
                yield from _columns([*map(column_of, existing.schema)], [*map(column_of, value)])
            case "clustering_fields":
                yield PropertyChange("clustering", _listed(existing.clustering_fields), _listed(value))
            case "time_partitioning":
                kept = kept_words(existing.time_partitioning), kept_words(value)
                yield PropertyChange("partitions are kept", *kept)
            case "require_partition_filter":
                yield PropertyChange("partition filter", *(_required(existing.require_partition_filter, value)))
            case "expires":
                yield PropertyChange("the whole table expires", f"{existing.expires:%Y-%m-%d}", None)
            case _:
                yield PropertyChange(name, getattr(existing, name), value)


def _columns(old: Sequence[Column], new: Sequence[Column]) -> Iterator[PropertyChange]:
    before, after = dict(_flat(old)), dict(_flat(new))
    for path, column in after.items():
        known = before.get(path)
        if known is None or _shape(known) != _shape(column):
            yield PropertyChange(f"{COLUMN}{path}", _shape(known) if known else None, _shape(column))
        if known is not None and (known.description or "") != (column.description or ""):
            yield PropertyChange(f"description of column {path}", known.description or None, column.description or None)


def _flat(columns: Sequence[Column], within: str = "") -> Iterator[tuple[str, Column]]:
    for each in columns:
        yield f"{within}{each.name}", each
        yield from _flat(each.fields, f"{within}{each.name}.")


def _shape(column: Column) -> str:
    digits = "" if column.precision is None else f"({column.precision}, {column.scale or 0})"
    return f"{column.standard_type}{digits} {column.mode}"


def _partitioning(partitioning: bigquery.TimePartitioning) -> str:
    return f"{partitioning.type_.lower()} of {partitioning.field}"


def _listed(names: Sequence[str] | None) -> str | None:
    return ", ".join(names) if names else None


def _required(*values: bool | None) -> tuple[str, ...]:
    return tuple("required" if value else "not required" for value in values)


def _is_empty(existing: bigquery.Table) -> bool:
    return not existing.num_rows and existing.streaming_buffer is None
