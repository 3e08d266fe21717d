"""A comparison of a contract's table with the existing one: changes to make, and changes that BigQuery cannot make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from google.cloud import bigquery

from headrace.bigquery.api_columns import column_of, schema_field
from headrace.bigquery.column_changes import evolved_columns, merge_columns
from headrace.bigquery.column_renames import KEEP_THE_NAME, Rename, columns_within, fixed_column
from headrace.bigquery.event_table import PROVISION_MAKES, schema_mismatches, table_for
from headrace.bigquery.row_columns import OWN_COLUMNS
from headrace.core.plan_refusals import Refusal
from headrace.core.resource_names import Names
from headrace.schemas.compatibility.rules import Rule
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
    versions = sorted((each for each in registry if each.subject == subject), key=lambda each: each.ref.version)
    columns, refusals = evolved_columns(versions, OWN_COLUMNS)
    first = versions[0]  # of those that write the same table
    for contract in versions[1:]:
        if contract.options.table != first.options.table:
            first = contract
        elif contract.options.partition is not first.options.partition:
            refusals.append(_repartitioned("contract", contract.ref.short))
    table = table_for(versions[-1], names.project, names.dataset)
    table.schema = [schema_field(each) for each in columns]
    if first.options.partition is not versions[-1].options.partition:
        table.time_partitioning = table_for(first, names.project, names.dataset).time_partitioning
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
    """Return what :func:`merge_columns` says, for columns of Google's client."""
    columns, refusals = merge_columns([*map(column_of, existing)], [*map(column_of, wanted)], name)
    return Merged([schema_field(each) for each in columns], refusals)


def rename_refusals(existing: bigquery.Table, renames: Sequence[Rename], name: str) -> Iterator[Refusal]:
    """Yield a refusal for each column that the table still has under its old name."""
    finally_: dict[tuple[tuple[str, ...], str], str] = {}
    for each in reversed(renames):
        finally_[each.within, each.old] = finally_.get((each.within, each.new), each.new)
    columns = [*map(column_of, existing.schema)]
    for within, old, _ in dict.fromkeys(renames):
        new = finally_[within, old]
        there = {column.name for column in columns_within(columns, within)}
        if old in there and new not in there:
            remedy = _rename_remedy(existing, within, old, new)
            yield Refusal("table", ".".join((name, *within, new)), f"the table has this column as {old}", remedy)


def _rename_remedy(existing: bigquery.Table, within: Sequence[str], old: str, new: str) -> str:
    fixed = fixed_column(within, old, existing.clustering_fields or ())
    if fixed:
        return f"BigQuery cannot rename {fixed}: {KEEP_THE_NAME}"
    table = f"`{existing.project}.{existing.dataset_id}.{existing.table_id}`"
    return f"stop the job, and run: ALTER TABLE {table} RENAME COLUMN `{old}` TO `{new}`"


def _property_problems(existing: bigquery.Table, wanted: bigquery.Table) -> Iterator[str]:
    if _is_partitioned_otherwise(existing, wanted):
        yield "its partitioning differs from the contract, which BigQuery cannot change: make a table of another name"
    elif existing.time_partitioning.expiration_ms != wanted.time_partitioning.expiration_ms:
        yield "the expiry of its partitions differs from the contract; `headrace provision` changes it, or says how"
    if existing.expires is not None:
        yield f"the whole table expires on {existing.expires:%Y-%m-%d}; {_PROVISION}"
    if list(existing.clustering_fields or []) != list(wanted.clustering_fields or []):
        yield f"its clustering differs from the contract; {_PROVISION}"
    if bool(existing.require_partition_filter) != bool(wanted.require_partition_filter):
        yield f"the setting whether queries must filter on the partition differs from the contract; {_PROVISION}"


def _is_partitioned_otherwise(existing: bigquery.Table, wanted: bigquery.Table) -> bool:
    have, want = existing.time_partitioning, wanted.time_partitioning
    return have is None or (have.type_, have.field) != (want.type_, want.field)


def _repartitioning(existing: bigquery.Table, wanted: bigquery.Table, name: str) -> Iterator[Refusal]:
    if _is_partitioned_otherwise(existing, wanted):
        yield _repartitioned("table", name)


def _repartitioned(what: str, name: str) -> Refusal:
    why = "its partitioning differs from the contract, which BigQuery cannot change"
    return Refusal(what, name, why, "name another table in the contract, or copy this one", Rule.PARTITIONING_CHANGED)


def _columns(fields: Sequence[bigquery.SchemaField]) -> list[Any]:
    return [
        (each.name, each.mode, each.description or "", each.precision, each.scale, _columns(each.fields))
        for each in fields
    ]
