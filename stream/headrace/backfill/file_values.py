"""Conversion of a file's values into values of a contract's field; the producers' validation checks the result."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any, Final, assert_never

from headrace.backfill.local_times import in_utc
from headrace.backfill.mapping import Origin
from headrace.schemas.envelope import EPOCH
from headrace.schemas.errors import InvalidEventError, UnreadableTextError
from headrace.schemas.model import (
    INSTANTS,
    MISSING,
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
    bare,
)
from headrace.schemas.numbers import micros_of
from headrace.schemas.stored import wrapper_of
from headrace.schemas.strict_json import InvalidJsonError, read_json
from headrace.schemas.times import read_datetime

_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}
_UNIX: Final = {"unix": 1_000_000, "unix_ms": 1_000, "unix_us": 1}
_FOREIGN_DIGIT: Final = re.compile(r"(?![0-9])\d")
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
    """Return the value of a text column: a boolean, or parsed JSON for a field with parts; otherwise the text itself.

    Raises:
        InvalidEventError: the text is not such a value; the error never contains the text.
    """
    match bare(type_):
        case Scalar(kind=Kind.BOOLEAN):
            value = _BOOLEANS.get(text.strip().lower())
            if value is None:
                raise _wrong(path, "write true or false")
            return value
        case Array() | Map() | Union() | Record() | Recursive():
            try:
                return read_json(text)
            except InvalidJsonError as error:
                raise InvalidEventError(path, error.why, "write JSON") from None
        case Optional() | Scalar() | Decimal() | Enumeration() | Fixed():
            return text
        case _:
            assert_never(type_)


def from_parts(type_: Type, value: Any, path: str) -> Any:
    """Convert maps from the lists of pairs or entries of Parquet and BigQuery's exports, at any depth.

    BigQuery leaves nulls out of JSON, so an absent optional value becomes null. The structs in which a table holds
    unions, and items that are lists or may be null, become those values again.
    """
    match type_:
        case Optional() if value is not None:
            return from_parts(type_.item, value, path)
        case Array() if isinstance(value, list):
            return [from_parts(type_.items, _unwrapped(type_.items, each), path) for each in value]
        case Union() if isinstance(value, dict):
            return _branch(type_, value, path)
        case Map() if isinstance(value, list) and (found := _entries(value)) is not None:
            pairs = {key: from_parts(type_.values, each, path) for key, each in found}
            if len(pairs) != len(value):
                raise InvalidEventError(path, "a key occurs twice", "write each once")
            return pairs
        case Map() if isinstance(value, dict):
            return {key: from_parts(type_.values, each, path) for key, each in value.items()}
        case Recursive():
            return from_parts(type_.record, value, path)
        case Record() if isinstance(value, dict):
            types = {each.name: each.type for each in type_.fields}
            absent = {each.name: None for each in type_.fields if each.optional and each.default is MISSING}
            return absent | {
                name: from_parts(types[name], each, path) if name in types else each for name, each in value.items()
            }
        case _:
            return value


def _unwrapped(items: Type, value: Any) -> Any:
    """Return the item of an array without the struct around it, which a table has where BigQuery needs one.

    A value that may also be the item itself is left as it is.
    """
    name = wrapper_of(items)
    if name is None or not isinstance(value, dict) or not value.keys() <= {name}:
        return value
    match bare(items):
        case Map():
            inside = value.get(name)
            return inside if isinstance(inside, list) and all(map(_is_entry, inside)) else value
        case Record(fields=fields) if name in {each.name for each in fields} or not value:
            return value
        case _:
            return value.get(name)


def _branch(union: Union, value: dict[str, Any], path: str) -> Any:
    """Return a union's value by the name of its branch; *value* has that form, or that of the union's column."""
    given = {name: each for name, each in value.items() if each is not None and each != []}
    members = [each for each in union.branches if each.member in given]
    if len(members) == 1 and len(given) == 1:
        return {members[0].name: from_parts(members[0].type, given[members[0].member], path)}
    branches = [each for each in union.branches if each.name in value]
    if len(branches) == 1 and len(value) == 1:
        return {branches[0].name: from_parts(branches[0].type, value[branches[0].name], path)}
    return value


def _entries(value: list[Any]) -> list[tuple[Any, Any]] | None:
    """Return keys with their values; None if an item is neither a pair nor an entry."""
    pairs = [(each["key"], each.get("value")) if _is_entry(each) else each for each in value]
    return pairs if all(isinstance(each, tuple) for each in pairs) else None


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("key"), str) and value.keys() <= {"key", "value"}


def from_time(type_: Type, value: Any, origin: Origin, path: str) -> Any:
    """Read a time in the mapping's format; a time without a zone is in the mapping's zone.

    Raises:
        InvalidEventError: the value has another format; the error never contains it.
    """
    try:
        moment = _moment(value, origin.format)
        if not isinstance(moment, datetime):
            return moment
        kind = getattr(bare(type_), "kind", None)
        if origin.zone is not None and kind in INSTANTS and moment.tzinfo is None:
            moment = in_utc(moment, origin.zone, origin.gap, origin.ambiguous)
    except UnreadableTextError as error:
        raise InvalidEventError(path, error.why, error.remedy) from None
    return _TIMES[kind](moment) if kind in _TIMES else moment


def lacks_zone(value: Any, origin: Origin) -> bool:
    """Return whether *value* is a local time, and neither it nor the mapping gives a time zone."""
    if origin.zone is not None:
        return False
    try:
        moment = _moment(value, origin.format)
    except UnreadableTextError:
        return False
    return isinstance(moment, datetime) and moment.tzinfo is None


def _moment(value: Any, format_: str) -> Any:
    if isinstance(value, date | time):
        return value
    if not format_:
        return read_datetime(value) if isinstance(value, str) else value
    if format_ in _UNIX:
        try:
            return EPOCH + timedelta(microseconds=micros_of(value, _UNIX[format_]))
        except OverflowError:
            raise UnreadableTextError("check its unit", "outside years 1 to 9999 in UTC") from None
    if not isinstance(value, str) or _FOREIGN_DIGIT.search(value):
        raise _unlike_format()
    try:
        return datetime.strptime(value, format_)
    except ValueError:
        raise _unlike_format() from None


def _unlike_format() -> UnreadableTextError:
    return UnreadableTextError("write it in the format that the mapping says")


def _wrong(path: str, remedy: str) -> InvalidEventError:
    return InvalidEventError(path, UnreadableTextError.UNLIKE, remedy)
