"""What the decoder has read, written again: the payload's canonical form."""

from __future__ import annotations

from typing import Any

from headrace.schemas.model import Array, Kind, Map, Optional, Record, Scalar, Type
from headrace.schemas.registry import Contract
from tests.support.builders import encode

_MILLIS = {Kind.TIME_MILLIS, Kind.TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MILLIS}


def writable(type_: Type, value: Any) -> Any:
    """What the decoder reads, as fastavro writes it."""
    match type_:
        case Optional():
            return None if value is None else writable(type_.item, value)
        case Record():
            return {field.name: writable(field.type, value[field.name]) for field in type_.fields}
        case Array():
            return [writable(type_.items, item) for item in value]
        case Map():
            return {entry["key"]: writable(type_.values, entry["value"]) for entry in value}
        case Scalar(kind) if kind in _MILLIS:
            assert value % 1000 == 0
            return value // 1000
        case _:
            return value


def write_again(contract: Contract, values: list[Any]) -> bytes:
    """The canonical bytes of *values*, as a decoder read them."""
    named = {field.name: value for field, value in zip(contract.record.fields, values, strict=True)}
    return encode(contract, writable(contract.record, named))
