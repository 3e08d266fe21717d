"""Default of a field as the value with which older events are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from headrace.schemas.errors import ContractError, InvalidEventError
from headrace.schemas.model import MISSING, Array, Enumeration, Field, Kind, Map, Optional, Record, Scalar, Type, Union
from headrace.schemas.no_list import NO_LIST
from headrace.schemas.scalars import float32
from headrace.schemas.stored import is_list
from headrace.schemas.validate import validate

_PLAIN: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.BOOLEAN: bool,
    Kind.INT: int,
    Kind.LONG: int,
    Kind.FLOAT: float32,
    Kind.DOUBLE: float,
    Kind.STRING: str,
}


def default_value(field: Field, where: str) -> Any:
    """Return the value, as Arrow takes it, of a field that the writer's version does not have.

    Raises:
        ContractError: the field has no default, or its default is of a type that is not supported.
    """
    value, type_ = field.default, field.type
    if value is MISSING:
        raise ContractError(
            where, "it is new and has no default", 'give it one, or make it ["null", type] with "default": null'
        )
    if isinstance(type_, Optional):
        if (value is None) != type_.null_first:
            raise ContractError(where, "its default is not of the first type of its union", _reordered(type_))
        if value is None:
            return NO_LIST if is_list(type_) else None
        type_ = type_.item
    if isinstance(type_, Union) and value is None and type_.null == 0:
        return None
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
            raise ContractError(where, "a default that does not fit its type, or is not supported", _supported(type_))


def _reordered(type_: Optional) -> str:
    """Return a remedy for a default that is not of the union's first type.

    Another order of the union is another encoding, so only a field that no version has yet may change it.
    """
    if type_.null_first:
        return "write null as the default, or leave it out"
    return 'leave it out; only in a field that no version has yet, write ["null", type] with "default": null'


def _supported(type_: Type) -> str:
    match type_:
        case Array():
            return "use [], or leave it out"
        case Map():
            return "use {}, or leave it out"
        case Enumeration():
            return "use one of its symbols, or leave it out"
        case Scalar(kind) if kind in _PLAIN:
            return f"use a value of type {kind}, or leave it out"
        case _:
            return 'leave it out; only in a field that no version has yet, write ["null", type] with "default": null'


def _fits(field: Field, value: object) -> bool:
    try:
        validate(Record(field.name, (field,)), {field.name: value})
    except InvalidEventError:
        return False
    return True
