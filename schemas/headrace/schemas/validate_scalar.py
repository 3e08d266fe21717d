"""Validation of one value of a scalar type; returns exact built-in values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any, Final, TypeAlias

from headrace.schemas.errors import InvalidEventError
from headrace.schemas.event_room import spend
from headrace.schemas.json_text import json_fault
from headrace.schemas.model import Kind
from headrace.schemas.numbers import beyond_remedy
from headrace.schemas.plain import (
    Moment,
    bytes_of,
    date_of,
    is_no_time,
    moment_of,
    name_of,
    number_of,
    text_of,
    time_of,
    uuid_of,
    whole_of,
)

CheckKind: TypeAlias = Callable[[Any, str], Any]

_LONG: Final = 64  # characters or bytes; shorter values count as items only
_MICROSECOND: Final = 1
_MILLISECOND: Final = 1_000
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def check_scalar(kind: Kind, value: Any, path: str) -> Any:
    """Return *value* as *kind* defines it; an instant in UTC, a UUID as text.

    Raises:
        InvalidEventError: the value does not fit; names *path*.
    """
    return _CHECKS[kind](value, path)


def check_text(value: str, path: str) -> None:
    """Refuse a text that UTF-8 cannot hold."""
    if value.isascii():
        return
    try:
        value.encode()
    except UnicodeEncodeError:
        pass  # not raised from here, because this error holds the text
    else:
        return
    raise InvalidEventError(path, "text with half a surrogate pair", "give text that UTF-8 can hold")


def wrong(path: str, value: object, remedy: str) -> InvalidEventError:
    """Return the error for a value of another type."""
    if is_no_time(value, path):
        remedy = "give a time, or None where the field is optional"
    return InvalidEventError(path, f"not a value of this field (got {name_of(value)})", remedy)


def _check_boolean(value: Any, path: str) -> bool:
    if value is True or value is False:
        return value
    raise wrong(path, value, "give True or False")


def _integer(bits: int) -> CheckKind:
    limit = 2 ** (bits - 1)

    def check(value: Any, path: str) -> int:
        number = value if type(value) is int else whole_of(value)
        if number is None:
            raise wrong(path, value, "give an int")
        if not -limit <= number < limit:
            raise InvalidEventError(path, f"an int beyond {bits} bits", "check its unit")
        return number

    return check


def _floating(kind: Kind, largest: float) -> CheckKind:
    def check(value: Any, path: str) -> float:
        number = value if type(value) is float else number_of(value)
        if number is None:
            raise wrong(path, value, "give a float")
        if largest < abs(number) != float("inf"):
            raise InvalidEventError(path, f"a number beyond a {kind}", beyond_remedy(kind))
        return float(number)

    return check


def _check_string(value: Any, path: str) -> str:
    text = value if type(value) is str else text_of(value)
    if text is None:
        raise wrong(path, value, "give a str")
    check_text(text, path)
    if len(text) > _LONG:
        spend(len(text), path)
    return text


def _check_json(value: Any, path: str) -> str:
    text = _check_string(value, path)
    fault = json_fault(text)
    if fault is not None:
        raise InvalidEventError(path, fault, "give one JSON value as text, such as json.dumps makes it")
    return text


def _check_bytes(value: Any, path: str) -> bytes:
    data = bytes_of(value)
    if data is None:
        raise wrong(path, value, "give bytes")
    if len(data) > _LONG:
        spend(len(data), path)
    return data


def _check_uuid(value: Any, path: str) -> str:
    text = text_of(value)
    if text is None:
        text = uuid_of(value, path)
    if text is None or not _UUID.fullmatch(text):
        raise wrong(path, value, "give a uuid.UUID or its 36 characters")
    return text


def _check_date(value: Any, path: str) -> date:
    found = date_of(value, path)
    if found is None:
        raise wrong(path, value, "give a datetime.date")
    return found


def _time_of_day(whole: int) -> CheckKind:
    def check(value: Any, path: str) -> time:
        found = time_of(value, path)
        if found is None:
            raise wrong(path, value, "give a datetime.time without a time zone")
        _check_precision(found.microsecond, whole, path)
        return found

    return check


def _instant(whole: int) -> CheckKind:
    def check(value: Any, path: str) -> datetime:
        if type(value) is datetime and value.tzinfo is UTC:
            instant = value
        else:
            instant = _in_utc(moment_of(value, path), value, path)
        _check_precision(instant.microsecond, whole, path)
        return instant

    return check


def _in_utc(moment: Moment | None, value: Any, path: str) -> datetime:
    if moment is None or moment.offset is None:
        raise wrong(path, value, "give an aware datetime, such as datetime.now(UTC)")
    try:
        return (moment.wall - moment.offset).replace(tzinfo=UTC)
    except OverflowError:
        pass  # raised below, without this error as its context
    raise InvalidEventError(path, "outside years 1 to 9999 in UTC", "check its time zone")


def _wall_clock(whole: int) -> CheckKind:
    def check(value: Any, path: str) -> datetime:
        moment = moment_of(value, path)
        if moment is None or moment.is_zoned:
            raise wrong(path, value, "give a datetime without a time zone")
        _check_precision(moment.wall.microsecond, whole, path)
        return moment.wall

    return check


def _check_precision(micros: int, whole: int, path: str) -> None:
    if micros % whole:
        raise InvalidEventError(
            path, "finer than a millisecond", "round it, or use the type in microseconds in the contract"
        )


_CHECKS: Final[dict[Kind, CheckKind]] = {
    Kind.BOOLEAN: _check_boolean,
    Kind.INT: _integer(32),
    Kind.LONG: _integer(64),
    Kind.FLOAT: _floating(Kind.FLOAT, 3.4028234663852886e38),
    Kind.DOUBLE: _floating(Kind.DOUBLE, 1.7976931348623157e308),
    Kind.STRING: _check_string,
    Kind.BYTES: _check_bytes,
    Kind.UUID: _check_uuid,
    Kind.JSON: _check_json,
    Kind.DATE: _check_date,
    Kind.TIME_MILLIS: _time_of_day(_MILLISECOND),
    Kind.TIME_MICROS: _time_of_day(_MICROSECOND),
    Kind.TIMESTAMP_MILLIS: _instant(_MILLISECOND),
    Kind.TIMESTAMP_MICROS: _instant(_MICROSECOND),
    Kind.LOCAL_TIMESTAMP_MILLIS: _wall_clock(_MILLISECOND),
    Kind.LOCAL_TIMESTAMP_MICROS: _wall_clock(_MICROSECOND),
}
