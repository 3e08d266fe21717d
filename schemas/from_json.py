"""JSON values into the Python values of a contract: what a line of NDJSON says.

Times are RFC 3339, dates ISO 8601, decimals text, bytes base64; everything else as JSON has it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal as Number
from decimal import InvalidOperation
from typing import Any
from uuid import UUID

from schemas.errors import InvalidEventError
from schemas.model import Array, Decimal, Fixed, Kind, Map, Optional, Record, Scalar, Type

_READ = {
    Kind.UUID: (UUID, "write a UUID"),
    Kind.DATE: (date.fromisoformat, "write a date as 2026-01-31"),
    Kind.TIME_MILLIS: (time.fromisoformat, "write a time as 13:45:00"),
    Kind.TIME_MICROS: (time.fromisoformat, "write a time as 13:45:00"),
    Kind.TIMESTAMP_MILLIS: (datetime.fromisoformat, "write a time as 2026-01-31T13:45:00Z"),
    Kind.TIMESTAMP_MICROS: (datetime.fromisoformat, "write a time as 2026-01-31T13:45:00Z"),
    Kind.LOCAL_TIMESTAMP_MILLIS: (datetime.fromisoformat, "write a time as 2026-01-31T13:45:00"),
    Kind.LOCAL_TIMESTAMP_MICROS: (datetime.fromisoformat, "write a time as 2026-01-31T13:45:00"),
    Kind.BYTES: (lambda text: base64.b64decode(text, validate=True), "write bytes in base64"),
}


def fields_from_json(record: Record, value: object, path: str = "") -> Any:
    """Turn a JSON object into the fields of *record*.

    What JSON can say directly is left for :func:`schemas.validate.validate` to judge.

    Raises:
        InvalidEventError: a text is not the time, number or bytes its field wants; never shows the text.
    """
    if not isinstance(value, Mapping):
        return value
    types = {field.name: field.type for field in record.fields}
    return {
        name: convert(types[name], item, f"{path}{name}") if name in types else item for name, item in value.items()
    }


def convert(type_: Type, value: Any, path: str) -> Any:
    """Turn one JSON value into one of *type_*; raises InvalidEventError likewise, which names *path*."""
    match type_:
        case Optional():
            return None if value is None else convert(type_.item, value, path)
        case Record():
            return fields_from_json(type_, value, f"{path}.")
        case Array() if isinstance(value, list):
            return [convert(type_.items, item, f"{path}[{index}]") for index, item in enumerate(value)]
        case Map() if isinstance(value, Mapping):
            return {key: convert(type_.values, item, f"{path} (a value)") for key, item in value.items()}
        case Decimal() if isinstance(value, str | int):
            return _read(Number, str(value), path, 'write a decimal as text, such as "12.50"')
        case Fixed() if isinstance(value, str):
            return _read(*_READ[Kind.BYTES][:1], value, path, _READ[Kind.BYTES][1])
        case Scalar() if type_.kind in _READ and isinstance(value, str):
            read, remedy = _READ[type_.kind]
            return _read(read, value, path, remedy)
        case _:
            return value


def _read(read: Any, text: str, path: str, remedy: str) -> Any:
    try:
        return read(text)
    except (ValueError, InvalidOperation, binascii.Error):
        raise InvalidEventError(path, "text that does not say a value of this field", remedy) from None
