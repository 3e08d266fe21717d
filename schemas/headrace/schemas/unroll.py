"""Levels of a record within itself that stay columns: the contract names how many, and the rest is a JSON text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import assert_never

from headrace.schemas.errors import ContractError
from headrace.schemas.field_places import FieldPlaces
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


def unrolled(record: Record, places: FieldPlaces) -> Record:
    """Return the record in which each field with *column_levels* holds that many levels as records.

    A level has the annotations of the record around it.

    Raises:
        ContractError: a field with *column_levels* holds no record within itself, or a table cannot hold so many
            columns, or so many levels of them.
    """
    return _Unrolling(places).record(record, "")


@dataclass(slots=True)
class _Unrolling:
    places: FieldPlaces
    fields_left: int = MAX_COLUMNS
    nested_left: int = MAX_LEVELS + 1  # the outermost record is the row itself
    around: dict[str, Record] = dataclass_field(default_factory=dict)  # by full name, without its levels
    levels: Counter[int] = dataclass_field(default_factory=Counter)  # of each field, by its id(), around this place
    widened: str = ""  # the path of the last field whose levels were added

    def record(self, record: Record, within: str) -> Record:
        """Return *record* with its levels; *within* is its path with a point behind it, or empty for the event."""
        self.nested_left -= 1
        if self.nested_left < 0:
            raise self._too_many("records nested deeper than BigQuery allows")
        self.fields_left -= len(record.unstored)
        before = self.around.get(record.full_name)
        self.around[record.full_name] = record
        fields = tuple(self._field(each, f"{within}{each.name}") for each in record.fields)
        if before is not None:
            self.around[record.full_name] = before
        self.nested_left += 1
        return replace(record, fields=fields)

    def _field(self, field: Field, path: str) -> Field:
        self.fields_left -= 1
        if self.fields_left < 0:
            raise self._too_many("more columns than a table has")
        if field.column_levels and not _holds_itself(field.type):
            place = self.places.stated(path, "column_levels")
            raise ContractError(place, "not a field with a record within itself", "remove it")
        if field.column_levels and not self.levels[id(field)]:
            self.widened = path
        return field.typed(self._type(field.type, field, path))

    def _too_many(self, why: str) -> ContractError:
        place = self.places.stated(self.widened, "column_levels") if self.widened else self.places.where
        return ContractError(place, why, "write fewer column_levels")

    def _type(self, type_: Type, field: Field, path: str) -> Type:
        match type_:
            case Optional(item):
                return type_.holding(self._type(item, field, path))
            case Array(items):
                return replace(type_, items=self._type(items, field, path))
            case Map(values):
                return replace(type_, values=self._type(values, field, path))
            case Union(branches):
                parts = tuple(self._branch(each, field, path) for each in branches)
                return replace(type_, branches=parts)
            case Record():
                return self.record(type_, f"{path}.")
            case Recursive() if self.levels[id(field)] < field.column_levels:
                self.levels[id(field)] += 1
                level = self.record(self.around.get(type_.name, type_.record), f"{path}.")
                self.levels[id(field)] -= 1
                return level
            case Recursive() | Scalar() | Decimal() | Fixed() | Enumeration():
                return type_
            case _:
                assert_never(type_)

    def _branch(self, branch: Branch, field: Field, path: str) -> Branch:
        return replace(branch, type=self._type(branch.type, field, f"{path}.{branch.member}"))


def _holds_itself(type_: Type) -> bool:
    match inner(type_):
        case Recursive():
            return True
        case Union(branches):
            return any(_holds_itself(branch.type) for branch in branches)
        case _:
            return False
