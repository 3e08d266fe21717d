"""A comparison of a contract's table with the existing one: changes to make, and changes that BigQuery cannot make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from google.cloud import bigquery

from headrace.bigquery.column_renames import Rename, rename_refusals, renamed, renames_between
from headrace.bigquery.event_table import PROVISION_MAKES, case_clashes, schema_mismatches, table_for, type_of
from headrace.core.plan_refusals import Refusal
from headrace.core.resource_names import Names
from headrace.schemas.registry import Contract

_PROVISION: Final = "`headrace provision` changes it"


class Merged(NamedTuple):
    """A table's columns after a change, and the changes that BigQuery cannot make; refused columns stay unchanged."""

    columns: list[bigquery.SchemaField]
    refusals: list[Refusal]


def evolved_table(registry: Iterable[Contract], subject: str, names: Names) -> tuple[bigquery.Table, list[Refusal]]:
    """Return a subject's table as if each version of its contract had been provisioned in turn, and the refusals.

    So a new project gets the same table as an old one: a column that a later version added is NULLABLE, a column that
    it removed stays, and one that it renames keeps its place. Refusals are changes between versions that BigQuery
    cannot make; the table lacks them.
    """
    first, *later = sorted((each for each in registry if each.subject == subject), key=lambda each: each.ref.version)
    table, refusals, before = table_for(first, names.project, names.dataset), list[Refusal](), first
    for contract in later:
        newer = table_for(contract, names.project, names.dataset)
        name = f"{contract.subject}.v{contract.ref.version}"
        if newer.table_id == table.table_id:
            repartitioned = list(_repartitioning(table, newer, name))
            if repartitioned:
                newer.time_partitioning = table.time_partitioning
            there = table.schema
            for rename in renames_between(before, contract):
                there = renamed(there, rename)
            merged = merged_columns(there, newer.schema, name)
            newer.schema = merged.columns
            refusals += [replace(each, what="contract") for each in (*repartitioned, *merged.refusals)]
        table, before = newer, contract
    return table, refusals


def table_refusals(
    existing: bigquery.Table, wanted: bigquery.Table, name: str, renames: Sequence[Rename] = ()
) -> list[Refusal]:
    """Return all differences that BigQuery cannot change, or that people have to: columns under an older name."""
    if existing.table_type != "TABLE":
        kind = str(existing.table_type).lower().replace("_", " ")
        return [Refusal("table", name, f"a {kind} has the name of a table", "rename it, and provision again")]
    return [
        *_repartitioning(existing, wanted, name),
        *rename_refusals(existing, renames, name),
        *merged_columns(existing.schema, wanted.schema, name).refusals,
    ]


def table_changes(existing: bigquery.Table, wanted: bigquery.Table, name: str) -> dict[str, Any]:
    """Return the properties to change, with their new values, of a table without refusals."""
    found: dict[str, Any] = {}
    schema = merged_columns(existing.schema, wanted.schema, name).columns
    if _columns(existing.schema) != _columns(schema):
        found["schema"] = schema
    if existing.description != wanted.description:
        found["description"] = wanted.description
    if list(existing.clustering_fields or []) != list(wanted.clustering_fields or []):
        found["clustering_fields"] = wanted.clustering_fields
    if bool(existing.require_partition_filter) != bool(wanted.require_partition_filter):
        found["require_partition_filter"] = wanted.require_partition_filter
    if existing.time_partitioning.expiration_ms != wanted.time_partitioning.expiration_ms:
        found["time_partitioning"] = wanted.time_partitioning
    if existing.expires is not None:
        found["expires"] = None
    return found


def table_problems(existing: bigquery.Table, wanted: bigquery.Table, location: str | None) -> list[str]:
    """Return why an existing table needs a correction soon; empty if it is as its contract requires.

    Descriptions may differ, and the table may have columns that the contract lacks.
    """
    wrong = schema_mismatches(existing.schema, wanted.schema)
    found = [f"{'; '.join(wrong)}; {PROVISION_MAKES}"] if wrong else []
    if location is not None and existing.location and not same_location(existing.location, location):
        found.append(f"it is in {existing.location} and the setting `location` is {location}")
    return [*found, *_property_problems(existing, wanted)]


def same_location(one: str | None, other: str) -> bool:
    """Return whether two names mean the same location; BigQuery answers in upper or lower case."""
    return one is not None and one.casefold() == other.casefold()


def merged_columns(
    existing: Sequence[bigquery.SchemaField], wanted: Sequence[bigquery.SchemaField], name: str
) -> Merged:
    """Return the table's columns in their order, which BigQuery keeps, then the new ones.

    A new column is NULLABLE, because BigQuery cannot add a REQUIRED one to existing rows.
    """
    clashes = list(case_clashes(existing, wanted))
    refusals = [_one_column(old, asked, name) for old, asked in clashes]
    clashing = {asked for _, asked in clashes}
    new = {column.name: column for column in wanted if column.name not in clashing}
    columns: list[bigquery.SchemaField] = []
    for old in existing:
        column, refused = _merged_column(old, new.pop(old.name, None), f"{name}.{old.name}")
        columns.append(column)
        refusals += refused
    return Merged([*columns, *(_relaxed(column) for column in new.values())], refusals)


def _one_column(old: str, asked: str, name: str) -> Refusal:
    return Refusal(
        "table",
        f"{name}.{asked}",
        f"the table has this column as {old}, and to BigQuery both names are one column",
        f"rename the column (ALTER TABLE ... RENAME COLUMN), or name the field {old}",
    )


def _property_problems(existing: bigquery.Table, wanted: bigquery.Table) -> Iterator[str]:
    if _is_partitioned_otherwise(existing, wanted):
        yield "its partitioning differs from the contract, which BigQuery cannot change: make a table of another name"
    elif existing.time_partitioning.expiration_ms != wanted.time_partitioning.expiration_ms:
        yield f"the expiry of its partitions differs from the contract; {_PROVISION}"
    if existing.expires is not None:
        yield f"the whole table expires on {existing.expires:%Y-%m-%d}; {_PROVISION}"
    if list(existing.clustering_fields or []) != list(wanted.clustering_fields or []):
        yield f"its clustering differs from the contract; {_PROVISION}"
    if bool(existing.require_partition_filter) != bool(wanted.require_partition_filter):
        yield f"the setting whether queries must filter on the partition differs from the contract; {_PROVISION}"


def _relaxed(column: bigquery.SchemaField) -> bigquery.SchemaField:
    """Return a new column as it can be added to existing rows."""
    if column.mode != "REQUIRED":
        return column
    return bigquery.SchemaField.from_api_repr({**column.to_api_repr(), "mode": "NULLABLE"})


def _is_partitioned_otherwise(existing: bigquery.Table, wanted: bigquery.Table) -> bool:
    have, want = existing.time_partitioning, wanted.time_partitioning
    return have is None or (have.type_, have.field) != (want.type_, want.field)


def _repartitioning(existing: bigquery.Table, wanted: bigquery.Table, name: str) -> Iterator[Refusal]:
    if _is_partitioned_otherwise(existing, wanted):
        why = "its partitioning differs from the contract, which BigQuery cannot change"
        yield Refusal("table", name, why, "name another table in the contract, or copy this one")


def _merged_column(
    old: bigquery.SchemaField, new: bigquery.SchemaField | None, place: str
) -> tuple[bigquery.SchemaField, list[Refusal]]:
    """Return the column with its new mode and description; additions of people, such as policy tags, stay.

    A column that the contract no longer has stays with its values, and may be null from now on.
    """
    changed = dict(old.to_api_repr())  # a copy, because to_api_repr returns the column's own dictionary
    if new is None:
        changed["mode"] = "NULLABLE" if old.mode == "REQUIRED" else old.mode
        return bigquery.SchemaField.from_api_repr(changed), []
    repeated = "REPEATED" in (old.mode, new.mode)
    if type_of(old) != type_of(new) or (repeated and old.mode != new.mode) or _narrower(old, new):
        why = f"BigQuery cannot change {_described(old)} to {_described(new)}"
        return old, [Refusal("table", place, why, "add a field instead")]
    if old.mode == "REQUIRED":  # a NULLABLE column stays NULLABLE; the job writes no nulls that the contract forbids
        changed["mode"] = new.mode
    if old.description or new.description:
        changed["description"] = new.description or ""
    merged = merged_columns(old.fields, new.fields, place)
    if old.fields:
        changed["fields"] = [column.to_api_repr() for column in merged.columns]
    if old.precision is not None:
        changed |= {"precision": new.precision, "scale": new.scale}
    return bigquery.SchemaField.from_api_repr(changed), merged.refusals


def _described(column: bigquery.SchemaField) -> str:
    limits = "" if column.precision is None else f"({column.precision}, {column.scale or 0})"
    return f"{'REPEATED ' if column.mode == 'REPEATED' else ''}{type_of(column)}{limits}"


def _narrower(old: bigquery.SchemaField, new: bigquery.SchemaField) -> bool:
    """Return whether a decimal would lose digits before or after the point; one without limits holds any value."""
    if old.precision is None:
        return False
    scale, new_scale = old.scale or 0, new.scale or 0
    return bool(new_scale < scale or new.precision - new_scale < old.precision - scale)


def _columns(fields: Sequence[bigquery.SchemaField]) -> list[Any]:
    return [
        (each.name, each.mode, each.description or "", each.precision, each.scale, _columns(each.fields))
        for each in fields
    ]
