"""Conversion of decoded values into the JSON that :mod:`headrace.schemas.from_json` reads; the two are inverse."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, assert_never

from headrace.schemas.envelope import EPOCH, from_micros, to_rfc3339
from headrace.schemas.model import (
    INSTANTS,
    Array,
    Decimal,
    Enumeration,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
)
from headrace.schemas.no_list import NO_LIST
from headrace.schemas.stored import stored, wrapper_of

_LOCAL: Final = frozenset({Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS})
_TIMES: Final = frozenset({Kind.TIME_MILLIS, Kind.TIME_MICROS})


def fields_to_json(record: Record, values: Sequence[Any]) -> dict[str, Any]:
    """Convert decoded values into JSON.

    *values* are those of :func:`headrace.schemas.decoder.compile_decoder` with *record* as writer and reader.
    """
    names = (field.name for field in stored(record).fields)
    return record_to_json(record, dict(zip(names, values, strict=True)))


def record_to_json(record: Record, values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the decoded values of one record, by name, into JSON."""
    return {field.name: _json(field.type, values[field.name]) for field in record.fields}


def _json(type_: Type, value: Any) -> Any:
    match type_:
        case Optional():
            return None if value is None or value is NO_LIST else _json(type_.item, value)
        case Union():
            return None if value is None else _branch(type_, value)
        case Record():
            return record_to_json(type_, value)
        case Recursive():
            return json.loads(value) if isinstance(value, str) else record_to_json(type_.record, value)
        case Array():
            name = wrapper_of(type_.items)
            return [_json(type_.items, item if name is None else item[name]) for item in value]
        case Map():
            return {entry["key"]: _json(type_.values, entry["value"]) for entry in _entries(value)}
        case Decimal():
            return format(value, "f")
        case Fixed() | Scalar(Kind.BYTES):
            return base64.b64encode(value).decode()
        case Scalar():
            return _scalar(type_.kind, value)
        case Enumeration():
            return value
        case _:
            assert_never(type_)


def _branch(type_: Union, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of the only member that has one, by the name of its branch."""
    values = ((branch, members[branch.member]) for branch in type_.branches)
    branch, value = next((branch, value) for branch, value in values if value is not None and value is not NO_LIST)
    return {branch.name: _json(branch.type, value)}


def _entries(value: Any) -> Sequence[Mapping[str, Any]]:
    entries: Sequence[Mapping[str, Any]] = value
    return entries


def _scalar(kind: Kind, value: Any) -> Any:
    if kind in INSTANTS:
        return to_rfc3339(from_micros(value))
    if kind in _LOCAL:
        return from_micros(value).replace(tzinfo=None).isoformat()
    if kind in _TIMES:
        return (EPOCH + timedelta(microseconds=value)).time().isoformat()
    if kind is Kind.DATE:
        return date.fromordinal(EPOCH.toordinal() + value).isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"  # JSON has no number for these
    return value
