"""The named types of one contract that become classes and types of Python."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import assert_never

from headrace.schemas.classification import Pii
from headrace.schemas.model import (
    Array,
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


@dataclass(slots=True)
class Definitions:
    """Records and enums by their full names, inner ones first.

    *in_unions* are the records that are one of several types of a union. *personal* are the fields with a mask, each
    with the full name of its record.
    """

    records: dict[str, Record] = dataclass_field(default_factory=dict)
    enums: dict[str, Enumeration] = dataclass_field(default_factory=dict)
    in_unions: set[str] = dataclass_field(default_factory=set)
    personal: set[tuple[str, str]] = dataclass_field(default_factory=set)

    def add(self, type_: Type) -> None:
        """Add the types within a type, and the type itself."""
        match type_:
            case Optional(item):
                self.add(item)
            case Array(items):
                self.add(items)
            case Map(values):
                self.add(values)
            case Union(branches):
                for branch in branches:
                    self.add(branch.type)
                    self.in_unions |= _name_of_record(branch.type)
            case Record():
                for field in type_.fields:
                    self.add(field.type)
                    if _is_personal(field):
                        self.personal.add((type_.full_name, field.name))
                self.records.setdefault(type_.full_name, type_)
            case Enumeration():
                self.enums.setdefault(type_.name, type_)
            case Recursive() | Fixed() | Decimal() | Scalar():
                return
            case _:
                assert_never(type_)


def _name_of_record(type_: Type) -> set[str]:
    match type_:
        case Record():
            return {type_.full_name}
        case Recursive(name):
            return {name}
        case _:
            return set()


def _is_personal(field: Field) -> bool:
    """Return whether some value of a field is masked; fields of records within it count by themselves."""
    within = inner(field.type)
    branches = within.branches if isinstance(within, Union) else ()
    return field.mask is not None or any(isinstance(each.pii, Pii) for each in branches)
