"""Few events of a contract that have, at every place, every type, symbol, null and empty list that it allows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Context
from decimal import Decimal as Number
from typing import Any
from uuid import UUID

from headrace.schemas.model import (
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

_WIDE = Context(prec=80)
MOMENT = datetime(2026, 3, 14, 15, 9, 26, 535_000)
_SCALARS: dict[Kind, list[Any]] = {
    Kind.BOOLEAN: [True, False],
    Kind.INT: [7, -(2**31)],
    Kind.LONG: [2**40, -5],
    Kind.FLOAT: [1.5],
    Kind.DOUBLE: [0.1],
    Kind.STRING: ["text", ""],
    Kind.BYTES: [b"\x00\xff"],
    Kind.UUID: [UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")],
    Kind.JSON: ['{"a":1}'],
    Kind.DATE: [date(2026, 3, 14)],
    Kind.TIME_MILLIS: [time(15, 9, 26, 535_000)],
    Kind.TIME_MICROS: [time(15, 9, 26, 535_897)],
    Kind.TIMESTAMP_MILLIS: [MOMENT.replace(tzinfo=UTC)],
    Kind.TIMESTAMP_MICROS: [MOMENT.replace(tzinfo=UTC)],
    Kind.LOCAL_TIMESTAMP_MILLIS: [MOMENT],
    Kind.LOCAL_TIMESTAMP_MICROS: [MOMENT],
}


def covering_events(record: Record, depth: int = 0) -> list[dict[str, Any]]:
    """Every value of every field in one event at least."""
    values = {field.name: list(covering_values(field.type, depth)) for field in record.written}
    most = max(map(len, values.values()), default=1)
    return [{name: found[number % len(found)] for name, found in values.items()} for number in range(most)]


def covering_values(type_: Type, depth: int = 0) -> Iterator[Any]:
    match type_:
        case Optional(item):
            yield None
            yield from covering_values(item, depth)
        case Union(branches, null):
            yield from () if null is None else (None,)
            for branch in branches:
                yield from ({branch.name: each} for each in covering_values(branch.type, depth))
        case Array(items):
            yield list(covering_values(items, depth))
            yield []
        case Map(values):
            yield {f"key{number}": each for number, each in enumerate(covering_values(values, depth))}
            yield {}
        case Record(name="null", fields=()):
            yield None
        case Record():
            yield from covering_events(type_, depth)
        case Recursive():
            yield from covering_events(type_.record, depth + 1) if depth < 2 else ()
        case Enumeration(symbols):
            yield from symbols
        case Fixed(size):
            yield bytes(number % 256 for number in range(size))
        case Decimal(precision, scale):
            yield Number(1).scaleb(-scale, _WIDE)
            yield Number(10**precision - 1).scaleb(-scale, _WIDE)
        case Scalar(kind):
            yield from _SCALARS[kind]
