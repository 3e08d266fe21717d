"""Conversion of JSON values, such as a line of NDJSON, into the Python values of a contract.

Times are RFC 3339, or as databases and BigQuery's exports write them; dates are ISO 8601; bytes are base64. Numbers are
JSON numbers or text. A double, which only files and databases have, is read as the digits that Python prints for it.
All other values keep their JSON form. :mod:`headrace.schemas.strict_json` parses the line itself.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal as Number
from typing import Any, Final
from uuid import UUID

from headrace.schemas.errors import InvalidEventError, UnreadableTextError
from headrace.schemas.model import Array, Decimal, Fixed, Kind, Map, Optional, Record, Recursive, Scalar, Type, Union
from headrace.schemas.numbers import exact, floating, read_floating, read_whole, whole
from headrace.schemas.times import read_date, read_datetime, read_time
from headrace.schemas.validate import check
from headrace.schemas.validate_union import only_fit, tagged

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:(?:-[0-9a-fA-F]{4}){3}-|[0-9a-fA-F]{12})[0-9a-fA-F]{12}")


def _uuid(text: str) -> UUID:
    if not _UUID.fullmatch(text):
        raise UnreadableTextError("write a UUID")
    return UUID(text)


def _bytes(text: str) -> bytes:
    remedy = "write bytes in base64"
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise UnreadableTextError(remedy) from None
    if base64.b64encode(data).decode() != text:
        raise UnreadableTextError(remedy, "base64 with bits left over at its end")
    return data


def _instant(text: str) -> datetime:
    found = read_datetime(text)
    if found.tzinfo is None:
        raise UnreadableTextError("write its offset, such as 2026-11-20T05:15:00Z", "a time without an offset")
    return found


_TEXTS: Final[Mapping[Kind, Callable[[str], Any]]] = {
    Kind.INT: read_whole,
    Kind.LONG: read_whole,
    Kind.FLOAT: lambda text: read_floating(text, single=True),
    Kind.DOUBLE: read_floating,
    Kind.UUID: _uuid,
    Kind.JSON: str,
    Kind.DATE: read_date,
    Kind.TIME_MILLIS: read_time,
    Kind.TIME_MICROS: read_time,
    Kind.TIMESTAMP_MILLIS: _instant,
    Kind.TIMESTAMP_MICROS: _instant,
    Kind.LOCAL_TIMESTAMP_MILLIS: read_datetime,
    Kind.LOCAL_TIMESTAMP_MICROS: read_datetime,
    Kind.BYTES: _bytes,
}
_AS_TEXT: Final[Mapping[Kind, str]] = {
    Kind.UUID: "a UUID",
    Kind.JSON: "one JSON value as a text",
    Kind.DATE: "a day such as 2026-11-20",
    Kind.TIME_MILLIS: "a time such as 05:15:00",
    Kind.TIME_MICROS: "a time such as 05:15:00",
    Kind.TIMESTAMP_MILLIS: "a time with its offset, such as 2026-11-20T05:15:00Z",
    Kind.TIMESTAMP_MICROS: "a time with its offset, such as 2026-11-20T05:15:00Z",
    Kind.LOCAL_TIMESTAMP_MILLIS: "a time without an offset, such as 2026-11-20T05:15:00",
    Kind.LOCAL_TIMESTAMP_MICROS: "a time without an offset, such as 2026-11-20T05:15:00",
    Kind.BYTES: "bytes in base64",
}
_NUMBERS: Final[Mapping[Kind, Callable[[Number], Any]]] = {
    Kind.INT: whole,
    Kind.LONG: whole,
    Kind.FLOAT: lambda number: floating(number, single=True),
    Kind.DOUBLE: floating,
}


def fields_from_json(record: Record, value: object, path: str = "") -> Any:
    """Convert a JSON object into the fields of *record*.

    Values that JSON expresses directly are checked later, by :func:`headrace.schemas.validate.validate`.

    Raises:
        InvalidEventError: a text is not the time, number or bytes that its field needs; never contains the text.
    """
    if not isinstance(value, Mapping):
        return value
    types = {field.name: field.type for field in record.fields}
    return {
        name: convert(types[name], item, f"{path}{name}") if name in types else item for name, item in value.items()
    }


def convert(type_: Type, value: Any, path: str) -> Any:
    """Convert one JSON value into a value of *type_*; raises InvalidEventError, which names *path*."""
    match type_:
        case Optional():
            return None if value is None else convert(type_.item, value, path)
        case Union():
            return _union(type_, value, path)
        case Record():
            return fields_from_json(type_, value, f"{path}.")
        case Recursive():
            return fields_from_json(type_.record, value, f"{path}.")
        case Array() if isinstance(value, list):
            return [convert(type_.items, item, f"{path}[{index}]") for index, item in enumerate(value)]
        case Map() if isinstance(value, Mapping):
            return {key: convert(type_.values, item, f"{path} (a value)") for key, item in value.items()}
        case Decimal() if isinstance(value, str | int | float):
            return _read(exact, value, path)
        case Fixed() if isinstance(value, str):
            return _read(_bytes, value, path)
        case Scalar():
            return _scalar(type_.kind, value, path)
        case _:
            return value


def _union(type_: Union, value: Any, path: str) -> Any:
    """Convert the value of the branch that it names, or else of the only one that fits."""
    if value is None:
        return None
    named = tagged(type_, value, path)
    if named is None:
        return only_fit(type_, value, path, lambda branch, given: check(branch, convert(branch, given, path), path))
    branch, inside = named
    return {branch.name: convert(branch.type, inside, f"{path}.{branch.member}")}


def _scalar(kind: Kind, value: Any, path: str) -> Any:
    match value:
        case str() if kind in _TEXTS:
            return _read(_TEXTS[kind], value, path)
        case Number() if kind in _NUMBERS:
            return _read(_NUMBERS[kind], value, path)
        case float() if kind in (Kind.INT, Kind.LONG) and value.is_integer():
            return int(value)
        case bool() | int() | float() | Number() if kind in _TEXTS and kind not in _NUMBERS:
            raise InvalidEventError(path, "not text", f"write {_AS_TEXT[kind]}")
        case _:
            return value


def _read(read: Callable[[Any], Any], given: Any, path: str) -> Any:
    try:
        return read(given)
    except UnreadableTextError as error:
        why, remedy = error.why, error.remedy  # only these: the error's context may quote the text
    raise InvalidEventError(path, why, remedy) from None
