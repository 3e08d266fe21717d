"""Columns that a newer version of a contract calls otherwise, by an alias: no second column is made for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

from headrace.bigquery.columns import Column
from headrace.schemas.model import Field, Record, inner
from headrace.schemas.registry import Contract

KEEP_THE_NAME: Final = "keep the field's old name, or name another table in the contract"


class Rename(NamedTuple):
    """One column under its old and its new name; *within* are the names of the records around it."""

    within: tuple[str, ...]
    old: str
    new: str


def column_renames(registry: Iterable[Contract], subject: str) -> list[Rename]:
    """Return what each version of a contract renames, the oldest version first."""
    versions = sorted((each for each in registry if each.subject == subject), key=lambda each: each.ref.version)
    return [rename for older, newer in pairwise(versions) for rename in renames_between(older, newer)]


def renames_between(older: Contract, newer: Contract) -> Iterator[Rename]:
    """Yield what one version of a contract renames; outer columns first."""
    yield from _renames(older.written, newer.written, ())


def renamed(columns: Sequence[Column], rename: Rename) -> list[Column]:
    """Return the columns with one of them renamed, in its place."""
    if not rename.within:
        return [replace(each, name=rename.new) if each.name == rename.old else each for each in columns]
    outer, inside = rename.within[0], rename._replace(within=rename.within[1:])
    return [
        replace(each, fields=tuple(renamed(each.fields, inside))) if each.name == outer else each for each in columns
    ]


def fixed_column(within: Sequence[str], old: str, clustered: Collection[str]) -> str:
    """Return what a column is that BigQuery cannot rename; empty if it can. *clustered* are columns of the table."""
    if within:
        return "a column within a record"
    return "a column that the table is clustered by" if old in clustered else ""


def columns_within(columns: Sequence[Column], within: Sequence[str]) -> Sequence[Column]:
    """Return the columns of the record at the end of *within*; none if there is no such record."""
    for name in within:
        columns = next((each.fields for each in columns if each.name == name), ())
    return columns


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
