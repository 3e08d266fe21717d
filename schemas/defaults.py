"""A field's default as the value an older event is read with."""

from __future__ import annotations

from typing import Any

from schemas.errors import ContractError
from schemas.model import MISSING, Array, Enumeration, Field, Kind, Map, Optional, Scalar

_PLAIN = {
    Kind.BOOLEAN: bool,
    Kind.INT: int,
    Kind.LONG: int,
    Kind.FLOAT: float,
    Kind.DOUBLE: float,
    Kind.STRING: str,
}


def default_value(field: Field) -> Any:
    """The Arrow-ready value of a field that the writer did not know.

    Raises:
        ContractError: the field has no default, or one of a type that is not supported.
    """
    value, type_ = field.default, field.type
    if value is None and isinstance(type_, Optional):
        return None
    if isinstance(type_, Optional):
        type_ = type_.item
    match type_:
        case Array() if value == []:
            return []
        case Map() if value == {}:
            return []
        case Enumeration() if value in type_.symbols:
            return value
        case Scalar(kind) if kind in _PLAIN and type(value) in {
            _PLAIN[kind],
            int if kind != Kind.STRING else str,
        }:
            return _PLAIN[kind](value)
        case _:
            why = "has no default" if value is MISSING else "has a default that is not supported"
            raise ContractError(field.name, f"is new and {why}", 'make it optional with "default": null')
