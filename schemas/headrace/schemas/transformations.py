"""Transformations that a contract declares: for rows before they are stored, and rollups of its table.

This module checks only the form. ``headrace.sql`` checks the meaning of expressions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from headrace.schemas.errors import ContractError
from headrace.schemas.faults import Faults
from headrace.schemas.masked import masked
from headrace.schemas.model import Decimal, Field, Optional, Record, Scalar, bare
from headrace.schemas.parse import parse_type
from headrace.schemas.transformation_parts import doc_in, expression_in, name_in, objects_in, refuse_other_keys
from headrace.schemas.value_rules import MAX_RULES, ValueRule, parse_rule

MAX_DERIVED: Final = 100
MAX_ROLLUPS: Final = 20  # BigQuery's limit of materialized views for one table in one dataset
MAX_COLUMNS: Final = 64  # of one rollup
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
    """A contract's transformations.

    *where* selects the rows to store, *function* names an entry point, and *rules* judge the rows that result.
    """

    where: str | None = None
    derived: tuple[Derived, ...] = ()
    function: str | None = None
    rollups: tuple[Rollup, ...] = ()
    rules: tuple[ValueRule, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the contract declares none."""
        return self == Transformations()

    @property
    def expressions(self) -> tuple[str, ...]:
        """The expressions that the job runs on each row."""
        texts = (self.where, *(each.expression for each in self.derived), *(each.expression for each in self.rules))
        return tuple(each for each in texts if each is not None)

    @property
    def in_the_job(self) -> bool:
        """Whether the job has work to do; BigQuery computes the rollups."""
        return bool(self.where or self.derived or self.function or self.rules)


def parse_transformations(annotation: Mapping[str, Any], where: str, faults: Faults) -> Transformations:
    """Read transformations from a record's ``headrace`` annotation, and gather *faults*."""
    found = Transformations()
    with faults.gathered():
        if "where" in annotation:
            found = replace(found, where=expression_in(annotation["where"], f"{where}.where"))
    with faults.gathered():
        if "function" in annotation:
            found = replace(found, function=_function(annotation["function"], f"{where}.function"))
    with faults.gathered():
        for place, each in objects_in(annotation.get("derived", []), f"{where}.derived", MAX_DERIVED):
            with faults.gathered():
                found = replace(found, derived=(*found.derived, _derived(each, place)))
    with faults.gathered():
        for place, each in objects_in(annotation.get("rollups", []), f"{where}.rollups", MAX_ROLLUPS):
            with faults.gathered():
                found = replace(found, rollups=(*found.rollups, _rollup(each, place)))
    with faults.gathered():
        for place, each in objects_in(annotation.get("rules", []), f"{where}.rules", MAX_RULES):
            with faults.gathered():
                found = replace(found, rules=(*found.rules, parse_rule(each, place)))
    return found


def lint_transformations(
    columns: Iterable[str], table: str, wanted: Transformations, where: str
) -> Iterator[ContractError]:
    """Yield an error for each name that another column, table, view or rule has, and each column without a value."""
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
    for name, count in Counter(rule.name for rule in wanted.rules).items():
        if count > 1:
            yield ContractError(f"{where}.rules.{name}", "named twice", "choose a name that no other rule has")


def written(record: Record, wanted: Transformations) -> Record:
    """Return the record as it is stored in its table: masked, and with derived columns."""
    stored = masked(record)
    return replace(stored, fields=(*stored.fields, *(derived.field for derived in wanted.derived)))


def _derived(given: Mapping[str, Any], where: str) -> Derived:
    refuse_other_keys(given, _DERIVED_KEYS, where)
    type_ = bare(parse_type(given.get("type"), f"{where}.type"))
    if not isinstance(type_, Scalar | Decimal):
        raise ContractError(f"{where}.type", "not one plain value", "use a type such as long, double, string or date")
    name, doc = name_in(given.get("name"), f"{where}.name"), doc_in(given.get("doc", ""), f"{where}.doc")
    field = Field(name, Optional(type_), doc)
    expression = expression_in(given["expression"], f"{where}.expression") if "expression" in given else None
    return Derived(field, expression)


def _rollup(given: Mapping[str, Any], where: str) -> Rollup:
    refuse_other_keys(given, _ROLLUP_KEYS, where)
    rollup = Rollup(
        name=name_in(given.get("name"), f"{where}.name"),
        doc=doc_in(given.get("doc", ""), f"{where}.doc"),
        where=expression_in(given["where"], f"{where}.where") if "where" in given else None,
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
        yield name_in(name, where), expression_in(expression, f"{where}.{name}")


def _function(value: object, where: str) -> str:
    if not isinstance(value, str) or not _FUNCTION.fullmatch(value):
        raise ContractError(
            where,
            "not the name of an entry point",
            "write the name of an entry point in the group headrace.transforms",
        )
    return value
