"""Values of a file as values of a contract's field; what is left is for the producers' own validation to judge."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from schemas.envelope import EPOCH
from schemas.errors import InvalidEventError
from schemas.model import Array, Kind, Map, Optional, Record, Scalar, Type, bare
from stream.backfill.mapping import Origin

_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_UNIX: Final = {"unix": 1_000_000, "unix_ms": 1_000, "unix_us": 1}
_TIMES: Final = {
    Kind.TIMESTAMP_MILLIS: lambda moment: moment,
    Kind.TIMESTAMP_MICROS: lambda moment: moment,
    Kind.LOCAL_TIMESTAMP_MILLIS: lambda moment: moment.replace(tzinfo=None),
    Kind.LOCAL_TIMESTAMP_MICROS: lambda moment: moment.replace(tzinfo=None),
    Kind.DATE: lambda moment: moment.date(),
    Kind.TIME_MILLIS: lambda moment: moment.time(),
    Kind.TIME_MICROS: lambda moment: moment.time(),
}


def from_text(type_: Type, text: str, path: str) -> Any:
    """What a column of text says: numbers, booleans, and JSON where the field has parts.

    Raises:
        InvalidEventError: it says no such value; never shows the text.
    """
    match bare(type_):
        case Scalar(kind=Kind.BOOLEAN):
            value = _BOOLEANS.get(text.strip().lower())
            if value is None:
                raise _wrong(path, "write true or false")
            return value
        case Scalar(kind=Kind.INT | Kind.LONG):
            if not _INTEGER.fullmatch(text.strip()):
                raise _wrong(path, "write a whole number")
            return int(text)
        case Scalar(kind=Kind.FLOAT | Kind.DOUBLE):
            try:
                return float(text)
            except ValueError:
                raise _wrong(path, "write a number") from None
        case Array() | Map() | Record():
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                raise _wrong(path, "write JSON") from None
        case _:
            return text


def from_parts(type_: Type, value: Any, path: str) -> Any:
    """Maps as Parquet has them, lists of pairs, as maps; however deep."""
    match type_:
        case Optional() if value is not None:
            return from_parts(type_.item, value, path)
        case Array() if isinstance(value, list):
            return [from_parts(type_.items, each, path) for each in value]
        case Map() if isinstance(value, list) and all(isinstance(each, tuple) for each in value):
            pairs = {key: from_parts(type_.values, each, path) for key, each in value}
            if len(pairs) != len(value):
                raise InvalidEventError(path, "a key stands twice", "write each once")
            return pairs
        case Record() if isinstance(value, dict):
            types = {each.name: each.type for each in type_.fields}
            return {
                name: from_parts(types[name], each, path) if name in types else each for name, each in value.items()
            }
        case _:
            return value


def from_time(type_: Type, value: Any, origin: Origin, path: str) -> Any:
    """A time as the mapping says it is written; one without a zone is of the mapping's.

    Raises:
        InvalidEventError: it is not written so; never shows it.
    """
    moment = _moment(value, origin.format, path) if origin.format else value
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise _wrong(path, "write a time as 2026-01-31T13:45:00, or say its format") from None
    if not isinstance(moment, datetime):
        return moment
    kind = getattr(bare(type_), "kind", None)
    if origin.zone is not None and kind in {Kind.TIMESTAMP_MILLIS, Kind.TIMESTAMP_MICROS} and moment.tzinfo is None:
        moment = moment.replace(tzinfo=origin.zone).astimezone(UTC)
    return _TIMES[kind](moment) if kind in _TIMES else moment


def _moment(value: Any, format_: str, path: str) -> Any:
    if isinstance(value, date | time):
        return value
    try:
        if format_ in _UNIX:
            return EPOCH + timedelta(microseconds=int(value) * _UNIX[format_])
        return datetime.strptime(value, format_)
    except (ValueError, TypeError, OverflowError):
        raise _wrong(path, "write it in the format that the mapping says") from None


def _wrong(path: str, remedy: str) -> InvalidEventError:
    return InvalidEventError(path, "text that does not say a value of this field", remedy)
