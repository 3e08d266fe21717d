"""The path of a field for that of its column. Some items of lists, and values of maps, are columns of their own."""

from __future__ import annotations

from headrace.schemas.model import Array, Map, Record, Type, Union, bare
from headrace.schemas.stored import wrapper_of


def field_path(record: Record, column: str) -> str:
    """Return the path of the field that fills a column of *record*, such as ``m.x`` for the column ``m.value.x``.

    A name that no field has stays as it is.
    """
    found: list[str] = []
    type_: Type = record
    for name in column.split("."):
        field, type_ = _within(type_, name)
        found += [field] if field else []
    return ".".join(found)


def _within(type_: Type, name: str) -> tuple[str, Type]:
    """Return the field with the column *name*, and its type; no field for a column that only wraps a value."""
    match bare(type_):
        case Record() as record:
            return next(((each.name, each.type) for each in record.fields if each.column == name), (name, record))
        case Array(items):
            return _within(items, name) if wrapper_of(items) is None else ("", items)
        case Map(values):
            return "", values
        case Union(branches) as union:
            return next(((name, each.type) for each in branches if each.member == name), (name, union))
        case other:
            return name, other
