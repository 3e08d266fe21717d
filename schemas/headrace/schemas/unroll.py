"""Levels of a record within itself that stay columns: the contract names how many, and the rest is a JSON text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import assert_never

from headrace.schemas.errors import ContractError
from headrace.schemas.model import (
    Array,
    Branch,
    Decimal,
    Enumeration,
    Field,
    Fixed,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
    inner,
)
from headrace.schemas.table_limits import MAX_COLUMNS, MAX_LEVELS


def unrolled(record: Record, where: str) -> Record:
    """Return the record in which each field with *column_levels* holds that many levels as records.

    A level has the annotations of the record around it.

    Raises:
        ContractError: a field with *column_levels* holds no record within itself, or a table cannot hold so many
            columns, or so many levels of them.
    """
    return _Unrolling().record(record, where)


@dataclass(slots=True)
class _Unrolling:
    fields_left: int = MAX_COLUMNS
    nested_left: int = MAX_LEVELS + 1  # the outermost record is the row itself
    around: dict[str, Record] = dataclass_field(default_factory=dict)  # by full name, without its levels
    levels: Counter[int] = dataclass_field(default_factory=Counter)  # of each field, by its id(), around this place

    def record(self, record: Record, where: str) -> Record:
        self.nested_left -= 1
        if self.nested_left < 0:
            raise ContractError(where, "records nested deeper than BigQuery allows", "write fewer column_levels")
        self.fields_left -= len(record.unstored)
        before = self.around.get(record.full_name)
        self.around[record.full_name] = record
        fields = tuple(self._field(each, f"{where}.{each.name}") for each in record.fields)
        if before is not None:
            self.around[record.full_name] = before
        self.nested_left += 1
        return replace(record, fields=fields)

    def _field(self, field: Field, where: str) -> Field:
        self.fields_left -= 1
        if self.fields_left < 0:
            raise ContractError(where, "more columns than a table has", "write fewer column_levels")
        if field.column_levels and not _holds_itself(field.type):
            raise ContractError(f"{where}.column_levels", "not a field with a record within itself", "remove it")
        return field.typed(self._type(field.type, field, where))

    def _type(self, type_: Type, field: Field, where: str) -> Type:
        match type_:
            case Optional(item):
                return type_.holding(self._type(item, field, where))
            case Array(items):
                return replace(type_, items=self._type(items, field, where))
            case Map(values):
                return replace(type_, values=self._type(values, field, where))
            case Union(branches):
                parts = tuple(self._branch(each, field, where) for each in branches)
                return replace(type_, branches=parts)
            case Record():
                return self.record(type_, where)
            case Recursive() if self.levels[id(field)] < field.column_levels:
                self.levels[id(field)] += 1
                level = self.record(self.around.get(type_.name, type_.record), where)
                self.levels[id(field)] -= 1
                return level
            case Recursive() | Scalar() | Decimal() | Fixed() | Enumeration():
                return type_
            case _:
                assert_never(type_)

    def _branch(self, branch: Branch, field: Field, where: str) -> Branch:
        return replace(branch, type=self._type(branch.type, field, f"{where}.{branch.member}"))


def _holds_itself(type_: Type) -> bool:
    match inner(type_):
        case Recursive():
            return True
        case Union(branches):
            return any(_holds_itself(branch.type) for branch in branches)
        case _:
            return False
