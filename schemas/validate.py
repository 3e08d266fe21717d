"""Check an event against its contract before anything is sent.

Errors name the field, the value's type and the remedy, never the value: it may be personal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from datetime import date, datetime, time
from decimal import Decimal as Number
from typing import Any, Final
from uuid import UUID

from schemas.envelope import EPOCH
from schemas.errors import InvalidEventError
from schemas.model import (
    INSTANTS,
    MAX_ITEMS,
    MISSING,
    Array,
    Decimal,
    Enumeration,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Scalar,
    Type,
)

_INTEGERS = {Kind.INT: 31, Kind.LONG: 63}
_LOCAL = {Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS}
_MILLIS: Final = {Kind.TIME_MILLIS, Kind.TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MILLIS}
_FIRST: Final = datetime.min.replace(tzinfo=EPOCH.tzinfo) - EPOCH
_LAST: Final = datetime.max.replace(tzinfo=EPOCH.tzinfo) - EPOCH
_LARGEST: Final = {Kind.FLOAT: 3.4028234663852886e38, Kind.DOUBLE: 1.7976931348623157e308}
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WANTED = {
    Kind.BOOLEAN: (bool, "give True or False"),
    Kind.STRING: (str, "give a str"),
    Kind.BYTES: (bytes, "give bytes"),
}


def validate(record: Record, fields: object, path: str = "") -> None:
    """Check *fields* against *record*; InvalidEventError for the first that does not fit."""
    if not isinstance(fields, Mapping):
        raise _wrong(path or record.name, fields, "give a dict of its fields")
    known = {field.name for field in record.fields}
    for name in fields:
        if name not in known:
            raise InvalidEventError(
                _join(path, str(name)[:128]), "the contract has no such field", f"known are {', '.join(sorted(known))}"
            )
    for field in record.fields:
        here = _join(path, field.name)
        if field.name in fields:
            check(field.type, fields[field.name], here)
        elif field.default is MISSING:
            raise InvalidEventError(here, "missing, and it has no default", "give it a value")


def check(type_: Type, value: Any, path: str) -> None:
    """Check one value against *type_*; InvalidEventError, which names *path*, when it does not fit."""
    match type_:
        case Optional():
            if value is not None:
                check(type_.item, value, path)
        case Record():
            validate(type_, value, path)
        case Array():
            if not isinstance(value, list | tuple):
                raise _wrong(path, value, "give a list")
            _check_count(value, path)
            for index, item in enumerate(value):
                check(type_.items, item, f"{path}[{index}]")
        case Map():
            _check_map(type_, value, path)
        case Enumeration():
            if not isinstance(value, str) or value not in type_.symbols:
                raise _wrong(path, value, f"give one of {', '.join(type_.symbols)}")
        case Fixed():
            if not isinstance(value, bytes) or len(value) != type_.size:
                raise _wrong(path, value, f"give exactly {type_.size} bytes")
        case Decimal():
            _check_decimal(type_, value, path)
        case Scalar():
            _check_scalar(type_.kind, value, path)


def _check_map(type_: Map, value: Any, path: str) -> None:
    if not isinstance(value, Mapping):
        raise _wrong(path, value, "give a dict")
    _check_count(value, path)
    for key, item in value.items():
        if not isinstance(key, str):
            raise _wrong(f"{path} (a key)", key, "give str keys")
        _check_text(key, f"{path} (a key)")
        check(type_.values, item, f"{path} (a value)")


def _check_decimal(type_: Decimal, value: Any, path: str) -> None:
    shape = f"a decimal.Decimal of at most {type_.precision} digits, {type_.scale} of them after the point"
    if not isinstance(value, Number) or not value.is_finite():
        raise _wrong(path, value, f"give {shape}")
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 finite, for the type checker
    count = len(digits) if value else 0
    if -exponent > type_.scale or count + exponent + type_.scale > type_.precision:
        raise _wrong(path, value, f"round it to {shape}")


def _check_scalar(kind: Kind, value: Any, path: str) -> None:
    if isinstance(value, date) and value != value:
        raise _wrong(path, value, "give a time, or None where the field is optional")
    if kind in _INTEGERS:
        limit = 2 ** _INTEGERS[kind]
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(path, value, "give an int")
        if not -limit <= value < limit:
            raise InvalidEventError(path, f"an int beyond {_INTEGERS[kind] + 1} bits", "check its unit")
    elif kind in {Kind.FLOAT, Kind.DOUBLE}:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(path, value, "give a float")
        if _LARGEST[kind] < abs(value) != float("inf"):
            raise InvalidEventError(path, f"a number beyond a {kind}", "use a larger type in the contract")
    elif kind in INSTANTS:
        if not isinstance(value, datetime) or value.utcoffset() is None:
            raise _wrong(path, value, "give an aware datetime, such as datetime.now(UTC)")
        if not _FIRST <= value - EPOCH <= _LAST:
            raise InvalidEventError(path, "outside years 1 to 9999 in UTC", "check its time zone")
        _check_precision(kind, value, path)
    elif kind in _LOCAL:
        if not isinstance(value, datetime) or value.tzinfo is not None:
            raise _wrong(path, value, "give a datetime without a time zone")
        _check_precision(kind, value, path)
    elif kind in {Kind.TIME_MILLIS, Kind.TIME_MICROS}:
        if not isinstance(value, time) or value.tzinfo is not None:
            raise _wrong(path, value, "give a datetime.time without a time zone")
        _check_precision(kind, value, path)
    elif kind is Kind.DATE:
        if not isinstance(value, date) or isinstance(value, datetime):
            raise _wrong(path, value, "give a datetime.date")
    elif kind is Kind.UUID:
        _check_uuid(value, path)
    else:
        wanted, remedy = _WANTED[kind]
        if not isinstance(value, wanted):
            raise _wrong(path, value, remedy)
        if isinstance(value, str):
            _check_text(value, path)


def _check_uuid(value: Any, path: str) -> None:
    if not isinstance(value, UUID) and not (isinstance(value, str) and _UUID.fullmatch(value)):
        raise _wrong(path, value, "give a uuid.UUID or its 36 characters")


def _check_precision(kind: Kind, value: datetime | time, path: str) -> None:
    if getattr(value, "nanosecond", 0):  # of pandas' Timestamp: the encoder would count it, the attributes would not
        raise InvalidEventError(path, "finer than a microsecond", "round it, such as with floor('us')")
    if kind in _MILLIS and value.microsecond % 1000:
        raise InvalidEventError(
            path, "finer than a millisecond", "round it, or use the type in microseconds in the contract"
        )


def _check_count(value: Sized, path: str) -> None:
    if len(value) > MAX_ITEMS:
        raise InvalidEventError(path, f"more than {MAX_ITEMS} items", "send several events")


def _check_text(value: str, path: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidEventError(path, "text with half a surrogate pair", "give text that UTF-8 can hold") from None


def _wrong(path: str, value: object, remedy: str) -> InvalidEventError:
    return InvalidEventError(path, f"not a value of this field (got {type(value).__name__})", remedy)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
