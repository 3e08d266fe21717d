"""Columns after a change of a contract, and the changes that BigQuery cannot make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from headrace.bigquery.column_renames import renamed, renames_between
from headrace.bigquery.columns import Column, case_clashes, columns_of
from headrace.core.plan_refusals import Refusal
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.registry import Contract


class Merged(NamedTuple):
    """A table's columns after a change, and the changes that BigQuery cannot make; refused columns stay unchanged."""

    columns: list[Column]
    refusals: list[Refusal]


def evolved_columns(versions: Sequence[Contract], own: Sequence[Column] = ()) -> Merged:
    """Return the columns as if each of the *versions* had been provisioned in turn, and the refusals.

    *versions* are those of one subject, the oldest first. A version that names another table begins anew. *own* are
    the columns of every table. Refusals are changes between versions that BigQuery cannot make; the columns lack them.
    """
    columns, refusals = list[Column](), list[Refusal]()
    for before, contract in zip((None, *versions), versions, strict=False):
        wanted = [*columns_of(contract.written), *own]
        if before is None or before.options.table != contract.options.table:
            columns = wanted
            continue
        for rename in renames_between(before, contract):
            columns = renamed(columns, rename)
        columns, refused = merge_columns(columns, wanted, contract.ref.short)
        refusals += [replace(each, what="contract") for each in refused]
    return Merged(columns, refusals)


def merge_columns(existing: Sequence[Column], wanted: Sequence[Column], name: str) -> Merged:
    """Return the table's columns in their order, which BigQuery keeps, then the new ones.

    A new column is NULLABLE, because BigQuery cannot add a REQUIRED one to existing rows.
    """
    clashes = case_clashes([each.name for each in existing], [each.name for each in wanted])
    refusals = [_one_column(old, asked, name) for old, asked in clashes]
    clashing = {asked for _, asked in clashes}
    new = {column.name: column for column in wanted if column.name not in clashing}
    columns: list[Column] = []
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
        Rule.COLUMN_CASE_COLLISION,
    )


def _relaxed(column: Column) -> Column:
    """Return a new column as it can be added to existing rows."""
    return replace(column, mode="NULLABLE") if column.mode == "REQUIRED" else column


def _merged_column(old: Column, new: Column | None, place: str) -> tuple[Column, list[Refusal]]:
    """Return the column with its new mode and description; additions of people, such as policy tags, stay.

    A column that the contract no longer has stays with its values, and may be null from now on.
    """
    if new is None or new == old:
        return (_relaxed(old) if new is None else old), []
    repeated = "REPEATED" in (old.mode, new.mode)
    if old.standard_type != new.standard_type or (repeated and old.mode != new.mode) or _is_narrower(old, new):
        why = f"BigQuery cannot change {old} to {new}"
        return old, [Refusal("table", place, why, "add a field instead", Rule.BIGQUERY_TYPE_CHANGED)]
    merged = merge_columns(old.fields, new.fields, place)
    changed = replace(
        old,
        # a NULLABLE column stays NULLABLE; the job writes no nulls that the contract forbids
        mode=new.mode if old.mode == "REQUIRED" else old.mode,
        description=(new.description or "") if old.description or new.description else old.description,
        fields=tuple(merged.columns) if old.fields else (),
    )
    if old.precision is not None:
        changed = replace(changed, precision=new.precision, scale=new.scale)
    return changed, merged.refusals


def _is_narrower(old: Column, new: Column) -> bool:
    """Return whether a decimal would lose digits before or after the point; one without limits holds any value."""
    if old.precision is None or new.precision is None:
        return False
    scale, new_scale = old.scale or 0, new.scale or 0
    return new_scale < scale or new.precision - new_scale < old.precision - scale
