"""Validation of an event: reads it once, checks it against its contract, and returns exact built-in values.

Errors name the field, the value's type and the remedy, never the value, which may be personal. Derive the id from the
returned values and encode them, not the caller's objects: those may answer differently later, and other threads may
change them.
"""

from __future__ import annotations

from collections.abc import Callable, Sized
from contextvars import ContextVar
from decimal import Decimal as Number
from typing import Any, Final, TypeAlias

from headrace.schemas import event_room
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.event_room import spend
from headrace.schemas.model import (
    MAX_ITEMS,
    MISSING,
    Array,
    Decimal,
    Enumeration,
    Fixed,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
)
from headrace.schemas.numbers import at_scale
from headrace.schemas.plain import bytes_of, decimal_of, entries_of, fields_of, items_of, text_of
from headrace.schemas.recursion import most_levels
from headrace.schemas.validate_scalar import check_scalar, check_text, wrong
from headrace.schemas.validate_union import only_fit, tagged

_LEVEL: Final = ContextVar("level of a record within itself", default=0)

Check: TypeAlias = Callable[[Any, Any, str], Any]


def validate(record: Record, fields: object) -> dict[str, Any]:
    """Return *fields* as *record* defines them, each value as :func:`check` returns it, without absent fields.

    Raises:
        InvalidEventError: a value does not fit, or there is more than an event may hold; names the first one.
    """
    limited = event_room.limit()
    try:
        return _check_record(record, fields, "")
    finally:
        event_room.end(limited)


def _check_record(record: Record, fields: object, path: str) -> dict[str, Any]:
    given = _named(record, fields, path)
    prefix = f"{path}." if path else ""
    plain = {}
    for field in record.fields:
        name = field.name
        if name in given:
            type_ = field.type
            plain[name] = _CHECKS[type(type_)](type_, given[name], prefix + name)
        elif field.default is MISSING:
            raise InvalidEventError(prefix + name, "missing, and it has no default", "give it a value")
    return plain


def check(type_: Type, value: Any, path: str) -> Any:
    """Return *value* as exact built-in values of *type_*: times in UTC, decimals with all digits of their scale.

    Raises:
        InvalidEventError: the value does not fit; names *path*.
    """
    return _CHECKS[type(type_)](type_, value, path)


def _named(record: Record, fields: object, path: str) -> dict[str, Any]:
    """Return the values of *fields* by name, each read once. Raises InvalidEventError for names that *record* lacks."""
    entries = fields_of(fields, path or record.name)
    if entries is None:
        raise wrong(path or record.name, fields, "give a dict of its fields, or an instance of its class")
    given = _by_text(entries, path or record.name)
    known = {field.name for field in record.fields}
    if not given.keys() <= known:
        name = next(name for name in given if name not in known)
        where, known_names = f"{path}.{name[:128]}" if path else name[:128], ", ".join(sorted(known))
        raise InvalidEventError(where, "the contract has no such field", f"known are {known_names}")
    return given


def _by_text(entries: list[tuple[Any, Any]], path: str) -> dict[str, Any]:
    given = {}
    for key, value in entries:
        name = key if type(key) is str else text_of(key)
        if name is None:
            raise wrong(f"{path} (a key)", key, "give str keys")
        given[name] = value
    if len(given) != len(entries):
        raise InvalidEventError(f"{path} (a key)", "the same text twice", "give each key once")
    return given


def _check_optional(type_: Optional, value: Any, path: str) -> Any:
    return None if value is None else _CHECKS[type(type_.item)](type_.item, value, path)


def _check_recursive(type_: Recursive, value: Any, path: str) -> dict[str, Any]:
    level, most = _LEVEL.get(), most_levels(type_.record)
    if level == most:
        raise InvalidEventError(path, f"{type_.name} within itself more than {most} times", "split the event")
    spend(len(type_.record.fields), path)
    token = _LEVEL.set(level + 1)
    try:
        return _check_record(type_.record, value, path)
    finally:
        _LEVEL.reset(token)


def _check_union(type_: Union, value: Any, path: str) -> Any:
    """Return ``{name of the branch: value}``, or None."""
    if value is None and type_.null is not None:
        return None
    named = tagged(type_, value, path)
    if named is None:
        return only_fit(type_, value, path, lambda branch, given: check(branch, given, path))
    branch, inside = named
    return {branch.name: check(branch.type, inside, f"{path}.{branch.member}")}


def _check_array(type_: Array, value: Any, path: str) -> list[Any]:
    items = items_of(value, path)
    if items is None:
        raise wrong(path, value, "give a list")
    _check_count(items, path)
    spend(len(items), path)
    one, item_type = _CHECKS[type(type_.items)], type_.items
    return [one(item_type, item, f"{path}[{index}]") for index, item in enumerate(items)]


def _check_map(type_: Map, value: Any, path: str) -> dict[str, Any]:
    entries = entries_of(value, path)
    if entries is None:
        raise wrong(path, value, "give a dict")
    _check_count(entries, path)
    spend(len(entries), path)
    given = _by_text(entries, path)
    one, value_type, inside = _CHECKS[type(type_.values)], type_.values, f"{path} (a value)"
    for key in given:
        check_text(key, f"{path} (a key)")
        given[key] = one(value_type, given[key], inside)
    return given


def _check_enumeration(type_: Enumeration, value: Any, path: str) -> str:
    text = text_of(value)
    if text is None or text not in type_.symbols:
        raise wrong(path, value, f"give one of {', '.join(type_.symbols)}")
    return text


def _check_fixed(type_: Fixed, value: Any, path: str) -> bytes:
    data = bytes_of(value)
    if data is None or len(data) != type_.size:
        raise wrong(path, value, f"give exactly {type_.size} bytes")
    return data


def _check_decimal(type_: Decimal, value: Any, path: str) -> Number:
    number = decimal_of(value)
    shape = f"a decimal.Decimal of at most {type_.precision} digits, {type_.scale} of them after the point"
    if number is None or not number.is_finite():
        raise wrong(path, value, f"give {shape}")
    held = at_scale(number, type_.precision, type_.scale)
    if held is None:
        raise wrong(path, value, f"round it to {shape}")
    return held


def _check_scalar(type_: Scalar, value: Any, path: str) -> Any:
    return check_scalar(type_.kind, value, path)


def _check_count(items: Sized, path: str) -> None:
    if len(items) > MAX_ITEMS:
        raise InvalidEventError(path, f"more than {MAX_ITEMS} items", "send several events")


_CHECKS: Final[dict[type, Check]] = {
    Optional: _check_optional,
    Recursive: _check_recursive,
    Union: _check_union,
    Record: _check_record,
    Array: _check_array,
    Map: _check_map,
    Enumeration: _check_enumeration,
    Fixed: _check_fixed,
    Decimal: _check_decimal,
    Scalar: _check_scalar,
}
