"""Values of databases and of JSON that say a field's value in another type of Python."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from headrace.schemas.model import Array, Kind, Map, Optional, Record, Scalar, Type


def fitted(type_: Type, value: Any) -> Any:
    """*value* as a field of *type_* wants it, where nothing is lost by that; else as it is, for validation to judge.

    Databases without booleans have 0 and 1. Numbers are for :func:`headrace.schemas.from_json.convert` to read.
    """
    match type_, value:
        case Optional(), _:
            return None if value is None else fitted(type_.item, value)
        case Array(), list():
            return [fitted(type_.items, each) for each in value]
        case Map(), dict():
            return {key: fitted(type_.values, each) for key, each in value.items()}
        case Record(), dict():
            types = {each.name: each.type for each in type_.fields}
            return {key: fitted(types[key], each) if key in types else each for key, each in value.items()}
        case Scalar(), _:
            return _scalar(type_.kind, value)
        case _:
            return value


def _scalar(kind: Kind, value: Any) -> Any:
    match value:
        case bool():
            return value
        case int() if kind is Kind.BOOLEAN and value in (0, 1):
            return value == 1
        case UUID() if kind is Kind.STRING:
            return str(value)
        case _:
            return value
