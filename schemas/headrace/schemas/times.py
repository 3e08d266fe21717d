"""Strict readers of dates and times; every module that reads one uses them.

They accept every usual form of a moment. They refuse a text that would lose a digit: nothing is rounded or cut off.
Python's ``fromisoformat`` cuts nanoseconds off, and accepts week dates and an offset of 75 minutes.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final, NoReturn

from headrace.schemas.errors import UnreadableTextError

_DAY: Final = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_CLOCK: Final = r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
_OFFSET: Final = r"(?:([Zz]| ?UTC)| ?([+-])([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?)"
_PLAIN: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-5][0-9])?"
)
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DATE: Final = re.compile(_DAY)
_TIME: Final = re.compile(_CLOCK)
_DATETIME: Final = re.compile(f"{_DAY}(?:[Tt ]{_CLOCK}{_OFFSET}?)?")
_MOMENT: Final = "write a time as 2026-01-31T13:45:00Z"


def read_date(text: str) -> date:
    """Read ``2026-01-31``.

    Raises:
        UnreadableTextError: the text is not a date; the error never contains the text.
    """
    remedy = "write a date as 2026-01-31"
    if not _DATE.fullmatch(text):
        raise UnreadableTextError(remedy)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UnreadableTextError(remedy, "a day that is in no calendar") from None


def read_time(text: str) -> time:
    """Read ``13:45``, ``13:45:00`` or ``13:45:00.123456``; without an offset.

    Raises:
        UnreadableTextError: the text is not a time, or it is finer than a microsecond; the error never contains the
            text.
    """
    remedy = "write a time as 13:45:00"
    match = _TIME.fullmatch(text)
    if not match:
        raise UnreadableTextError(remedy)
    hour, minute, second, fraction = match.groups()
    try:
        return time(int(hour), int(minute), int(second or 0), _micros(fraction))
    except ValueError:
        _refuse(second, remedy)


def read_datetime(text: str) -> datetime:
    """Read a date and a time of day, with or without an offset.

    A ``T`` or a blank separates them. The offset is ``Z``, ``UTC``, ``+05:30``, ``+0530`` or ``+05``.
    A date alone means midnight.

    >>> read_datetime("2026-11-20 05:15:00.5 UTC").isoformat()
    '2026-11-20T05:15:00.500000+00:00'

    Raises:
        UnreadableTextError: invalid time, a leap second, or finer than a microsecond; never contains the text.
    """
    if _PLAIN.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            _refuse(text[17:19], _MOMENT)
    match = _DATETIME.fullmatch(text)
    if not match:
        raise UnreadableTextError(_MOMENT)
    year, month, day, hour, minute, second, fraction, utc, *offset = match.groups()
    zone = UTC if utc else _offset(*offset)
    micros = _micros(fraction)
    try:
        return datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micros, zone
        )
    except ValueError:
        _refuse(second, _MOMENT)


def read_instant(text: str) -> datetime:
    """Read an RFC 3339 time, and convert it to UTC; every form but the leap second.

    >>> read_instant("2026-11-20T10:45:00.5000000+05:30").isoformat()
    '2026-11-20T05:15:00.500000+00:00'

    Raises:
        UnreadableTextError: not RFC 3339, a leap second, or finer than a microsecond; never contains the text.
    """
    if not _RFC3339.fullmatch(text):
        raise UnreadableTextError(_MOMENT, "not RFC 3339")
    return to_utc(read_datetime(text))


def to_utc(moment: datetime) -> datetime:
    """Convert an aware time to UTC.

    Raises:
        UnreadableTextError: in UTC it is outside the years 1 to 9999.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise UnreadableTextError("check its time zone", "outside years 1 to 9999 in UTC") from None


def without_finer(text: str) -> str:
    """Cut digits below a microsecond off a time. Only for Pub/Sub's own times, which are not part of an event.

    >>> without_finer("2026-11-20T05:15:00.123456789Z")
    '2026-11-20T05:15:00.123456Z'
    """
    return re.sub(r"(?<=\.[0-9]{6})[0-9]+", "", text)


def _micros(fraction: str | None) -> int:
    digits = (fraction or "").rstrip("0")
    if len(digits) > 6:
        raise UnreadableTextError("round it", "finer than a microsecond")
    return int(digits.ljust(6, "0"))


def _offset(sign: str | None, hours: str | None, minutes: str | None, seconds: str | None) -> timezone | None:
    if sign is None:
        return None
    if int(hours or 0) > 23 or int(minutes or 0) > 59 or int(seconds or 0) > 59:
        raise UnreadableTextError(_MOMENT, "an offset of no time zone")
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0), seconds=int(seconds or 0))
    return timezone(-offset if sign == "-" else offset) if offset else UTC


def _refuse(second: str | None, remedy: str) -> NoReturn:
    if second == "60":
        remedy, why = "give the second before or after it", "a leap second, which no column holds"
        raise UnreadableTextError(remedy, why) from None
    raise UnreadableTextError(remedy, "no time of any day") from None
