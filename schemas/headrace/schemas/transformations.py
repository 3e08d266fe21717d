"""Transformations that a contract declares: for rows before they are stored, and rollups of its table.

This module checks only the form. ``headrace.sql`` checks the meaning of expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from headrace.schemas.errors import ContractError
from headrace.schemas.faults import Faults, together
from headrace.schemas.masked import masked
from headrace.schemas.model import Decimal, Field, Optional, Record, Scalar, bare
from headrace.schemas.parse import parse_type

MAX_EXPRESSION: Final = 4_000  # characters
MAX_DERIVED: Final = 100
MAX_ROLLUPS: Final = 20  # BigQuery's limit of materialized views for one table in one dataset
MAX_COLUMNS: Final = 64  # of one rollup
MAX_NAME: Final = 128  # characters
_NAME: Final = re.compile(rf"[a-z][a-z0-9_]{{0,{MAX_NAME - 1}}}")
_FUNCTION: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
_DERIVED_KEYS: Final = ("name", "type", "doc", "expression")
_ROLLUP_KEYS: Final = ("name", "doc", "where", "by", "measures")


@dataclass(frozen=True, slots=True)
class Derived:
    """A column of the table that events do not have. Without *expression*, the contract's function fills it."""

    field: Field
    expression: str | None


@dataclass(frozen=True, slots=True)
class Rollup:
    """A materialized view of the table: *measures* for each combination of *by*; both map a column to its SQL."""

    name: str
    doc: str
    where: str | None
    by: tuple[tuple[str, str], ...]
    measures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Transformations:
    """A contract's transformations: *where* selects the rows to store, *function* names an entry point."""

    where: str | None = None
    derived: tuple[Derived, ...] = ()
    function: str | None = None
    rollups: tuple[Rollup, ...] = ()

    @property
    def in_the_job(self) -> bool:
        """Whether the job has work to do; BigQuery computes the rollups."""
        return bool(self.where or self.derived or self.function)


def parse_transformations(annotation: Mapping[str, Any], where: str, faults: Faults) -> Transformations:
    """Read transformations from a record's ``headrace`` annotation, and gather *faults*."""
    found = Transformations()
    with faults.gathered():
        if "where" in annotation:
            found = replace(found, where=_expression(annotation["where"], f"{where}.where"))
    with faults.gathered():
        if "function" in annotation:
            found = replace(found, function=_function(annotation["function"], f"{where}.function"))
    with faults.gathered():
        for place, each in _listed(annotation.get("derived", []), f"{where}.derived", MAX_DERIVED):
            with faults.gathered():
                found = replace(found, derived=(*found.derived, _derived(each, place)))
    with faults.gathered():
        for place, each in _listed(annotation.get("rollups", []), f"{where}.rollups", MAX_ROLLUPS):
            with faults.gathered():
                found = replace(found, rollups=(*found.rollups, _rollup(each, place)))
    return found


def lint_transformations(
    columns: Iterable[str], table: str, wanted: Transformations, where: str
) -> Iterator[ContractError]:
    """Yield an error for each name that another column, table or view has, and for each column without a value."""
    taken = {name.lower() for name in columns}
    for derived in wanted.derived:
        name = derived.field.name
        if name in taken:
            yield ContractError(f"{where}.derived.{name}", "named twice", "choose a name that no other column has")
        if derived.expression is None and wanted.function is None:
            yield ContractError(f"{where}.derived.{name}.expression", "missing", "write one, or name a function")
        taken.add(name)
    names = [rollup.name for rollup in wanted.rollups]
    for name in names:
        if name == table or names.count(name) > 1:
            yield ContractError(f"{where}.rollups.{name}", "named twice", "choose a name that no other table has")


def written(record: Record, wanted: Transformations) -> Record:
    """Return the record as it is stored in its table: masked, and with derived columns."""
    stored = masked(record)
    return replace(stored, fields=(*stored.fields, *(derived.field for derived in wanted.derived)))


def _derived(given: Mapping[str, Any], where: str) -> Derived:
    _refuse_unknown(given, _DERIVED_KEYS, where)
    type_ = bare(parse_type(given.get("type"), f"{where}.type"))
    if not isinstance(type_, Scalar | Decimal):
        raise ContractError(f"{where}.type", "not one plain value", "use a type such as long, double, string or date")
    name, doc = _name(given.get("name"), f"{where}.name"), _text(given.get("doc", ""), f"{where}.doc")
    field = Field(name, Optional(type_), doc)
    expression = _expression(given["expression"], f"{where}.expression") if "expression" in given else None
    return Derived(field, expression)


def _rollup(given: Mapping[str, Any], where: str) -> Rollup:
    _refuse_unknown(given, _ROLLUP_KEYS, where)
    rollup = Rollup(
        name=_name(given.get("name"), f"{where}.name"),
        doc=_text(given.get("doc", ""), f"{where}.doc"),
        where=_expression(given["where"], f"{where}.where") if "where" in given else None,
        by=tuple(_columns(given.get("by", {}), f"{where}.by")),
        measures=tuple(_columns(given.get("measures"), f"{where}.measures")),
    )
    if rollup.name.startswith("headrace_"):
        raise ContractError(
            f"{where}.name", "begins with headrace_, which is kept for Headrace's own tables", "choose another name"
        )
    names = [name for name, _ in (*rollup.by, *rollup.measures)]
    if not rollup.measures or len(set(names)) != len(names):
        raise ContractError(
            f"{where}.measures", "empty, or a name used twice in by and measures", "write at least one, each name once"
        )
    return rollup


def _columns(given: object, where: str) -> Iterator[tuple[str, str]]:
    if not isinstance(given, Mapping) or len(given) > MAX_COLUMNS:
        raise ContractError(
            where, "not a JSON object of columns", f"map at most {MAX_COLUMNS} names to their expressions"
        )
    for name, expression in given.items():
        yield _name(name, where), _expression(expression, f"{where}.{name}")


def _listed(given: object, where: str, at_most: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each object of a list, with its place: its name, or its index if it has no name."""
    if not isinstance(given, list) or len(given) > at_most or not all(isinstance(each, Mapping) for each in given):
        raise ContractError(
            where, f"not a list of at most {at_most} JSON objects", f"write a list of at most {at_most} JSON objects"
        )
    for index, each in enumerate(given):
        name = each.get("name")
        yield f"{where}.{name if isinstance(name, str) else index}", each


def _refuse_unknown(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    unknown = sorted(set(given) - set(known))
    remedy = f"remove it, or use one of {', '.join(known)}"
    if unknown:
        raise together([ContractError(f"{where}.{key}", f"unknown key {key!r}", remedy) for key in unknown])


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ContractError(
            where,
            "missing" if value is None else "invalid name",
            f"use at most {MAX_NAME} lower-case letters, digits and _, beginning with a letter",
        )
    return value


def _function(value: object, where: str) -> str:
    if not isinstance(value, str) or not _FUNCTION.fullmatch(value):
        raise ContractError(
            where,
            "not the name of an entry point",
            "write the name of an entry point in the group headrace.transforms",
        )
    return value


def _expression(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ContractError(where, "not an expression", 'write SQL, such as "distance_miles > 0"')
    if len(value) > MAX_EXPRESSION:
        raise ContractError(where, f"longer than {MAX_EXPRESSION} characters", "use a function for it")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ContractError(where, "not text", "write a sentence, or leave it out")
    return value
