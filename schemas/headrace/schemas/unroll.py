"""Levels of a record within itself that stay columns: the contract names how many, and the rest is a JSON text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Final, assert_never

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

MOST: Final = 14  # levels of STRUCT below the outermost record: BigQuery nests fifteen


def unrolled(record: Record, where: str, most_fields: int, most_nested: int) -> Record:
    """Return the record in which each field with *column_levels* holds that many levels as records.

    Raises:
        ContractError: a field with *column_levels* holds no record within itself, there are more than *most_fields*, or
            records are nested deeper than *most_nested*.
    """
    return _Unrolling(most_fields, most_nested + 1).record(record, where)  # the outermost record is the row itself


@dataclass(slots=True)
class _Unrolling:
    fields_left: int
    nested_left: int
    levels: Counter[int] = dataclass_field(default_factory=Counter)  # of each field, by its id(), around this place

    def record(self, record: Record, where: str) -> Record:
        self.nested_left -= 1
        if self.nested_left < 0:
            raise ContractError(where, "records nested deeper than BigQuery allows", "write fewer column_levels")
        fields = tuple(self._field(each, f"{where}.{each.name}") for each in record.fields)
        self.nested_left += 1
        return replace(record, fields=fields)

    def _field(self, field: Field, where: str) -> Field:
        self.fields_left -= 1
        if self.fields_left < 0:
            raise ContractError(where, "more columns than a table has", "write fewer column_levels")
        if field.column_levels and not _holds_itself(field.type):
            raise ContractError(f"{where}.column_levels", "not a field with a record within itself", "remove it")
        return replace(field, type=self._type(field.type, field, where))

    def _type(self, type_: Type, field: Field, where: str) -> Type:
        match type_:
            case Optional(item):
                return replace(type_, item=self._type(item, field, where))
            case Array(items):
                return Array(self._type(items, field, where))
            case Map(values):
                return Map(self._type(values, field, where))
            case Union(branches):
                parts = tuple(self._branch(each, field, where) for each in branches)
                return replace(type_, branches=parts)
            case Record():
                return self.record(type_, where)
            case Recursive() if self.levels[id(field)] < field.column_levels:
                self.levels[id(field)] += 1
                level = self.record(type_.record, where)
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
