"""Columns that a newer version of a contract calls otherwise, by an alias: no second column is made for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from google.cloud import bigquery

from headrace.core.plan_refusals import Refusal
from headrace.schemas.model import Field, Record, inner
from headrace.schemas.registry import Contract, Registry


class Rename(NamedTuple):
    """One column under its old and its new name; *within* are the names of the records around it."""

    within: tuple[str, ...]
    old: str
    new: str


def column_renames(registry: Registry, subject: str) -> list[Rename]:
    """Return what each version of a contract renames, the oldest version first."""
    versions = sorted((each for each in registry if each.subject == subject), key=lambda each: each.ref.version)
    return [rename for older, newer in pairwise(versions) for rename in renames_between(older, newer)]


def renames_between(older: Contract, newer: Contract) -> Iterator[Rename]:
    """Yield what one version of a contract renames; outer columns first."""
    yield from _renames(older.written, newer.written, ())


def renamed(schema: Sequence[bigquery.SchemaField], rename: Rename) -> list[bigquery.SchemaField]:
    """Return the columns with one of them renamed, in its place."""
    if not rename.within:
        return [_with(each, name=rename.new) if each.name == rename.old else each for each in schema]
    outer, inside = rename.within[0], rename._replace(within=rename.within[1:])
    return [
        _with(each, fields=[column.to_api_repr() for column in renamed(each.fields, inside)])
        if each.name == outer
        else each
        for each in schema
    ]


def rename_refusals(existing: bigquery.Table, renames: Sequence[Rename], name: str) -> Iterator[Refusal]:
    """Yield a refusal for each column that the table still has under its old name."""
    finally_: dict[tuple[tuple[str, ...], str], str] = {}
    for each in reversed(renames):
        finally_[each.within, each.old] = finally_.get((each.within, each.new), each.new)
    for within, old, _ in dict.fromkeys(renames):
        new = finally_[within, old]
        there = {column.name for column in _columns(existing.schema, within)}
        if old in there and new not in there:
            remedy = _remedy(existing, within, old, new)
            yield Refusal("table", ".".join((name, *within, new)), f"the table has this column as {old}", remedy)


def _remedy(existing: bigquery.Table, within: Sequence[str], old: str, new: str) -> str:
    if within or old in (existing.clustering_fields or ()):
        what = "a column within a record" if within else "a column that the table is clustered by"
        return f"BigQuery cannot rename {what}: keep the field's old name, or name another table in the contract"
    table = f"`{existing.project}.{existing.dataset_id}.{existing.table_id}`"
    return f"stop the job, and run: ALTER TABLE {table} RENAME COLUMN `{old}` TO `{new}`"


def _renames(older: Record, newer: Record, within: tuple[str, ...]) -> Iterator[Rename]:
    before = {field.name: field for field in older.fields}
    for field in newer.fields:
        old = before.get(field.name) or _by_alias(field, before)
        if old is None:
            continue
        if old.column != field.column:
            yield Rename(within, old.column, field.column)
        one, other = inner(old.type), inner(field.type)
        if isinstance(one, Record) and isinstance(other, Record):
            yield from _renames(one, other, (*within, field.column))


def _by_alias(field: Field, before: dict[str, Field]) -> Field | None:
    return next((before[alias] for alias in field.aliases if alias in before), None)


def _columns(schema: Sequence[bigquery.SchemaField], within: Sequence[str]) -> Sequence[bigquery.SchemaField]:
    for name in within:
        schema = next((each.fields for each in schema if each.name == name), ())
    return schema


def _with(column: bigquery.SchemaField, **changes: object) -> bigquery.SchemaField:
    return bigquery.SchemaField.from_api_repr({**column.to_api_repr(), **changes})
