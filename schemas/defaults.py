"""A field's default as the value an older event is read with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from schemas.errors import ContractError, InvalidEventError
from schemas.model import MISSING, Array, Enumeration, Field, Kind, Map, Optional, Record, Scalar
from schemas.scalars import float32
from schemas.validate import validate

_PLAIN: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.BOOLEAN: bool,
    Kind.INT: int,
    Kind.LONG: int,
    Kind.FLOAT: float32,
    Kind.DOUBLE: float,
    Kind.STRING: str,
}


def default_value(field: Field, where: str) -> Any:
    """The Arrow-ready value of a field that the writer did not know.

    Raises:
        ContractError: the field has no default, or one of a type that is not supported.
    """
    value, type_ = field.default, field.type
    if value is MISSING:
        raise ContractError(
            where, "it is new and has no default", 'give it one, or make it ["null", type] with "default": null'
        )
    if isinstance(type_, Optional):
        if (value is None) != type_.null_first:
            raise ContractError(where, "a default of its union's second branch", "put the default's branch first")
        if value is None:
            return None
        type_ = type_.item
    match type_:
        case Array() if value == []:
            return []
        case Map() if value == {}:
            return []
        case Enumeration() if value in type_.symbols:
            return value
        case Scalar(kind) if kind in _PLAIN and _fits(field, value):
            return _PLAIN[kind](value)
        case _:
            raise ContractError(where, "a default that does not fit or is not supported", "default it to null")


def _fits(field: Field, value: object) -> bool:
    try:
        validate(Record(field.name, (field,)), {field.name: value})
    except InvalidEventError:
        return False
    return True
