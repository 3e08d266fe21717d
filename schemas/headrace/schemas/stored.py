"""A contract's record as columns: each shape that BigQuery has no column for becomes one that it has.

A union becomes a record with an optional member for each branch. A null list or map becomes an empty one. An item of an
array that is itself a list, a map or nullable is wrapped in a record with one member. A record within itself becomes
a JSON text. The result has only types that
Arrow and BigQuery hold as they are, so masks, tables and rows need no further rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from headrace.schemas.classification import Mask, NotPersonal, Pii
from headrace.schemas.model import (
    MISSING,
    Array,
    Decimal,
    Enumeration,
    Field,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
    bare,
    is_nullable,
)

ITEMS: Final = "items"  # the member of an item that is itself a list or a map
VALUE: Final = "value"  # the member of an item that may be null
IS_NULL: Final = "_is_null"
_WHOLE: Final = frozenset({Mask.REDACT, Mask.OMIT})  # masks of a value with all of its parts


def stored(record: Record) -> Record:
    """Return the columns of a record, with defaults as values of columns. The columns of columns are the same."""
    return replace(record, fields=tuple(each for field in record.fields for each in _columns(field)), unstored=())


def stored_value(type_: Type, value: Any) -> Any:
    """Return a checked value of a contract's type as a value of its column, with maps as dicts."""
    if value is None:
        return _nothing(bare(type_))
    match type_:
        case Optional(item):
            return stored_value(item, value)
        case Union(branches):
            return {each.member: stored_value(each.type, value[each.name]) for each in branches if each.name in value}
        case Record(fields=fields):
            return {name: inside for field in fields if field.name in value for name, inside in _members(field, value)}
        case Array(items):
            name = wrapper_of(items)
            inside = [stored_value(items, each) for each in value]
            return inside if name is None else [{name: each} for each in inside]
        case Map(values):
            return {key: stored_value(values, each) for key, each in value.items()}
        case _:
            return value


def _nothing(type_: Type) -> Any:
    """Return null as a column of a type has it."""
    match type_:
        case Array():
            return []
        case Map():
            return {}
        case _:
            return None


def _members(field: Field, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield field.name, stored_value(field.type, values[field.name])
    if field.is_null_column:
        yield f"{field.name}{IS_NULL}", values[field.name] is None


def stored_type(type_: Type, pii: Pii | NotPersonal | None = None) -> Type:
    """Return the type of the column of *type_*; *pii* is the mask of each value within it."""
    match type_:
        case Optional(item) if isinstance(item, Array | Map):
            return stored_type(item, pii)
        case Optional(item):
            return type_.holding(stored_type(item, pii))
        case Array(items):
            return Array(item_type(items, pii))
        case Map(values):
            return Map(stored_type(values, pii))
        case Union(branches, null):
            members = tuple(_member(each.member, each.type, each.pii or pii) for each in branches)
            struct = Record("union", members)
            return struct if null is None else Optional(struct)
        case Record():
            return stored(type_)
        case Recursive():
            return Scalar(Kind.JSON)
        case _:
            return type_


def item_type(items: Type, pii: Pii | NotPersonal | None = None) -> Type:
    """Return the type of an array's items as columns."""
    name = wrapper_of(items)
    return stored_type(items, pii) if name is None else Record("item", (_field(Field(name, items, pii=pii)),))


def wrapper_of(items: Type) -> str | None:
    """Return the name of the member in which an array's item is wrapped; None for an item that is not."""
    if isinstance(bare(items), Array | Map):
        return ITEMS
    return VALUE if is_nullable(items) else None


def is_wrapped(items: Type) -> bool:
    """Return whether an array's items are wrapped in a record."""
    return wrapper_of(items) is not None


def is_list(type_: Type) -> bool:
    """Return whether the column of a type is repeated, so that null is stored as an empty list."""
    return isinstance(bare(type_), Array | Map)


def _columns(field: Field) -> Iterator[Field]:
    yield _field(field)
    if field.is_null_column:
        yield _is_null_field(field)


def _field(field: Field) -> Field:
    """Return the column of a field; the mask of values within a struct moves to the struct's members."""
    if _is_column(field):
        return field
    inside = field.pii if _has_members(field.type) and not _is_whole(field.pii) else None
    return replace(
        field,
        type=stored_type(field.type, inside),
        pii=None if inside is not None and isinstance(inside, Pii) else field.pii,
        default=field.default if field.default is MISSING else stored_value(field.type, field.default),
        single="",
        is_null_column=False,
        column_levels=0,
    )


def _is_column(field: Field) -> bool:
    """Return whether a field is its own column, as almost every one is."""
    return (
        isinstance(bare(field.type), Scalar | Decimal | Fixed | Enumeration)
        and not field.single
        and not field.is_null_column
        and not field.column_levels
    )


def _member(name: str, type_: Type, pii: Pii | NotPersonal | None) -> Field:
    field = _field(Field(name, type_, pii=pii))
    nullable = isinstance(field.type, Array | Map | Optional)
    return field if nullable else replace(field, type=Optional(field.type))


def _is_null_field(field: Field) -> Field:
    pii = field.pii if _is_whole(field.pii) else None
    doc = f"Whether {field.name} is null rather than empty"
    return Field(
        f"{field.name}{IS_NULL}",
        Scalar(Kind.BOOLEAN),
        doc,
        default=field.default if field.default is MISSING else field.default is None,
        pii=pii,
        renamed=field.renamed and f"{field.renamed}{IS_NULL}",
    )


def _is_whole(pii: Pii | NotPersonal | None) -> bool:
    return isinstance(pii, Pii) and pii.mask in _WHOLE


def _has_members(type_: Type) -> bool:
    """Return whether a type becomes a struct that the contract does not name, at any depth outside of records."""
    match type_:
        case Optional(item):
            return _has_members(item)
        case Array(items):
            return is_wrapped(items) or _has_members(items)
        case Map(values):
            return _has_members(values)
        case Union():
            return True
        case _:
            return False
