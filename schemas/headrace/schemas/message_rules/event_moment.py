"""The moment that a value of an event or an attribute means, by the contract's rule for the event time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from headrace.schemas.envelope import from_micros, to_micros
from headrace.schemas.errors import InvalidEventError, UnreadableTextError
from headrace.schemas.message_rules.event_time import AttributeTime, EventTimeRule, FieldTime, TimeUnit
from headrace.schemas.model import INSTANTS, Field, Kind, Record, Scalar, bare
from headrace.schemas.times import read_datetime, read_instant, to_utc

EARLIEST: Final = to_micros(datetime.min.replace(tzinfo=UTC))  # microseconds; BigQuery's TIMESTAMP has the same range
LATEST: Final = to_micros(datetime.max.replace(tzinfo=UTC))
LOCAL_TIMES: Final = frozenset({Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS})
WHOLE_NUMBERS: Final = frozenset({Kind.INT, Kind.LONG})
FLOATING_NUMBERS: Final = frozenset({Kind.FLOAT, Kind.DOUBLE})
MICROS_OF: Final = {TimeUnit.SECONDS: 1_000_000, TimeUnit.MILLIS: 1_000, TimeUnit.MICROS: 1}
_OUTSIDE: Final = "outside the years 1 to 9999"
_WHOLE: Final = "write a whole number"
_MOST_DIGITS: Final = 20  # of a 64-bit integer with its sign

ToMicros: TypeAlias = Callable[[Any], int]


def field_at(record: Record, path: tuple[str, ...]) -> Field | None:
    """Return the field at *path*, through records only; None for a path without a field."""
    fields = record.fields
    for place, name in enumerate(path, 1):
        field = next((each for each in fields if each.name == name), None)
        if field is None or place == len(path):
            return field
        within = bare(field.type)
        fields = within.fields if isinstance(within, Record) else ()
    return None


def columns_at(record: Record, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the columns of the fields along *path*."""
    fields = (field_at(record, path[: place + 1]) for place in range(len(path)))
    return tuple(field.column for field in fields if field is not None)


def kind_at(record: Record, path: tuple[str, ...]) -> Kind | None:
    """Return the kind of the value at *path*, without null; None if it is not one value."""
    field = field_at(record, path)
    type_ = bare(field.type) if field else None
    return type_.kind if isinstance(type_, Scalar) else None


def plain_timestamp(record: Record, rule: EventTimeRule) -> str | None:
    """Return the name of the top-level timestamp that is never null, if *rule* names one: it needs no conversion."""
    if not isinstance(rule, FieldTime) or len(rule.path) > 1:
        return None
    field = field_at(record, rule.path)
    return field.name if field and isinstance(field.type, Scalar) and field.type.kind in INSTANTS else None


def field_moment(kind: Kind, rule: FieldTime) -> ToMicros:
    """Return the function that turns a decoded value of *kind* into microseconds since 1970.

    Decoded times are whole numbers of microseconds. The function raises UnreadableTextError, which never contains the
    value.
    """
    if kind in INSTANTS:
        return _in_range
    if kind in LOCAL_TIMES:
        return partial(_local, zone=ZoneInfo(rule.zone or "UTC"))
    if kind in WHOLE_NUMBERS:
        return partial(_whole, unit=rule.unit or TimeUnit.MICROS)
    if kind in FLOATING_NUMBERS:
        return partial(_floating, unit=rule.unit or TimeUnit.SECONDS)
    return _text_reader(rule.zone)


def attribute_moment(rule: AttributeTime) -> Callable[[str], int]:
    """Return the function that turns an attribute into microseconds since 1970; it raises UnreadableTextError."""
    if rule.unit is not None:
        return partial(_digits, unit=rule.unit)
    return _text_reader(rule.zone)


def event_moment(record: Record, rule: EventTimeRule, fields: Mapping[str, Any]) -> datetime | None:
    """Return the time that an event's validated *fields* say; None if they do not say it.

    Raises:
        InvalidEventError: the value is no time; never contains the value.
    """
    if not isinstance(rule, FieldTime):
        return None
    kind = kind_at(record, rule.path)
    value = _value_at(record, rule.path, fields)
    if value is None or kind is None:
        return None if rule.fallback is None else event_moment(record, rule.fallback, fields)
    if isinstance(value, datetime):
        value = to_micros(value if value.tzinfo else value.replace(tzinfo=UTC))
    try:
        return from_micros(field_moment(kind, rule)(value))
    except UnreadableTextError as error:
        why, remedy = error.why, error.remedy
    raise InvalidEventError(rule.name, f"{why}, and it is the event time", remedy) from None


def _value_at(record: Record, path: tuple[str, ...], fields: Mapping[str, Any]) -> Any:
    value: Any = fields
    for place in range(len(path)):
        if value is None:
            return None
        field = field_at(record, path[: place + 1])
        value = value.get(path[place], field.default if field else None)
    return value


def _in_range(micros: int) -> int:
    if not EARLIEST <= micros <= LATEST:
        raise UnreadableTextError("send the time as the contract says", _OUTSIDE)
    return micros


def _whole(value: int, unit: TimeUnit) -> int:
    return _in_range(value // 1000 if unit is TimeUnit.NANOS else value * MICROS_OF[unit])


def _floating(value: float, unit: TimeUnit) -> int:
    if not math.isfinite(value):
        raise UnreadableTextError("send a finite number", "not a finite number")
    micros = value / 1000 if unit is TimeUnit.NANOS else value * MICROS_OF[unit]
    return _in_range(round(micros) if math.isfinite(micros) else LATEST + 1)


def _digits(text: str, unit: TimeUnit) -> int:
    if len(text) > _MOST_DIGITS or not (text.isascii() and text.removeprefix("-").isdigit()):
        raise UnreadableTextError(_WHOLE, "not a whole number")
    return _whole(int(text), unit)


def _local(micros: int, zone: ZoneInfo) -> int:
    return _in_zone(from_micros(_in_range(micros)).replace(tzinfo=None), zone)


def _in_zone(local: datetime, zone: ZoneInfo) -> int:
    """Return the moment of a local time.

    A time that clocks show twice is the earlier moment. A time that clocks skip is counted on from the hour before.
    """
    return to_micros(to_utc(local.replace(tzinfo=zone)))


def _text_reader(zone: str | None) -> Callable[[str], int]:
    if zone is None:
        return lambda text: to_micros(read_instant(text))
    known = ZoneInfo(zone)

    def read(text: str) -> int:
        moment = read_datetime(text)
        return _in_zone(moment, known) if moment.tzinfo is None else to_micros(to_utc(moment))

    return read
