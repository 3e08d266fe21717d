"""Convert decoded values to JSON's types, for people and programs."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any, Final

from headrace.schemas.envelope import EPOCH, from_micros, to_rfc3339
from headrace.schemas.model import INSTANTS, Kind, Scalar, Type, bare

LONGEST: Final = 200  # characters of a text, bytes of a binary value
_LOCAL: Final = frozenset({Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS})
_TIMES: Final = frozenset({Kind.TIME_MILLIS, Kind.TIME_MICROS})


def readable(type_: Type, value: Any) -> str | int | float | bool | None:
    """Return a decoded value for JSON; shorten texts of more than 200 characters and binaries of more than 200 bytes.

    >>> readable(Scalar(Kind.DATE), 1)
    '1970-01-02'
    >>> readable(Scalar(Kind.TIME_MICROS), 3_600_000_001)
    '01:00:00.000001'
    """
    match value:
        case None | bool():
            return value
        case int():
            return _whole(bare(type_), value)
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return _cut(value[:LONGEST].hex(), len(value), LONGEST, "bytes")
        case str():
            return _cut(value[:LONGEST], len(value), LONGEST, "characters")
        case _:
            return format(value, "f")


def _whole(type_: Type, value: int) -> str | int:
    if not isinstance(type_, Scalar):
        return value
    if type_.kind in INSTANTS:
        return to_rfc3339(from_micros(value))
    if type_.kind in _LOCAL:
        return from_micros(value).replace(tzinfo=None).isoformat()
    if type_.kind in _TIMES:
        return (EPOCH + timedelta(microseconds=value)).time().isoformat()
    if type_.kind is Kind.DATE:
        return date.fromordinal(EPOCH.toordinal() + value).isoformat()
    return value


def _cut(text: str, length: int, limit: int, unit: str) -> str:
    return text if length <= limit else f"{text}... ({length:,} {unit})"
