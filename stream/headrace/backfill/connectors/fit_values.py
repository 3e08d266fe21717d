"""Conversion of values of databases and JSON that have another Python type than their field."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from headrace.schemas.model import Array, Kind, Map, Optional, Record, Scalar, Type, Union


def fitted(type_: Type, value: Any) -> Any:
    """Return *value* in the form of a field of *type_* if that loses nothing; otherwise return it unchanged.

    Databases without booleans store 0 and 1. :func:`headrace.schemas.from_json.convert` reads numbers.
    """
    match type_, value:
        case Optional(), _:
            return None if value is None else fitted(type_.item, value)
        case Array(), list():
            return [fitted(type_.items, each) for each in value]
        case Map(), dict():
            return {key: fitted(type_.values, each) for key, each in value.items()}
        case Union(), dict():
            types = {each.name: each.type for each in type_.branches}
            return {key: fitted(types[key], each) if key in types else each for key, each in value.items()}
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
