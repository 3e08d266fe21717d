"""Defaults of fields: the text of a schema as values, and as the bytes that a producer would write."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Context
from decimal import Decimal as Number
from typing import Any, Final, assert_never

from headrace.schemas.encode_tree import has_union, tree_encoder
from headrace.schemas.envelope import EPOCH
from headrace.schemas.errors import ContractError, InvalidEventError
from headrace.schemas.fastavro_schema import schema_of_value
from headrace.schemas.layout import column_of
from headrace.schemas.model import (
    MISSING,
    Array,
    Decimal,
    Enumeration,
    Field,
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
from headrace.schemas.scalars import DAY_MILLIS, FIRST_DAY, LAST_DAY
from headrace.schemas.stored import item_type, stored_type
from headrace.schemas.validate import check

MAX_DEFAULT: Final = 32_768  # bytes of one default in columns; each event that lacks the field gets it
_DIGITS: Final = Context(prec=80)


def parse_default(type_: Type, avro: object, where: str) -> Any:
    """Return a default as the value that :func:`headrace.schemas.validate.check` returns for *type_*.

    The JSON of a default is that of Avro: bytes and decimals are text in ISO-8859-1, times are numbers. The default of
    a union may be of any of its branches.

    Raises:
        ContractError: the default is not a value of the type, or it is too long.
    """
    given = _value(type_, avro, where)
    try:
        value = check(type_, given, where)
    except InvalidEventError as error:
        raise _unfit(error.path, error.remedy) from None
    if width_beyond(type_, value) > MAX_DEFAULT:
        raise ContractError(
            where, f"a default of more than {MAX_DEFAULT} bytes in columns", "shorten it, or leave it out"
        )
    return value


def default_datum(field: Field, where: str) -> bytes:
    """Return the bytes of a default, with which events of a version without the field are read.

    Raises:
        ContractError: the field has no default.
    """
    if field.default is MISSING:
        raise ContractError(
            where, "it is new and has no default", 'give it one, or make it ["null", type] with "default": null'
        )
    return encode_value(field.type, field.default)


def encode_value(type_: Type, value: Any) -> bytes:
    """Encode one checked value, without the event around it."""
    if has_union(type_):
        return tree_encoder(type_)(value)
    import fastavro  # only what encodes with it needs it

    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema_of_value(type_), {"value": value})
    return out.getvalue()


def width_beyond(type_: Type, value: Any) -> int:
    """Return how many bytes a checked value takes in columns beyond the fixed width of its type."""
    match type_:
        case Optional():
            return 0 if value is None else width_beyond(type_.item, value)
        case Union(branches):
            return sum(width_beyond(each.type, value[each.name]) for each in branches if value and each.name in value)
        case Record():
            return sum(width_beyond(field.type, value.get(field.name, field.default)) for field in type_.fields)
        case Array():
            width = column_of(item_type(type_.items)).width
            return sum(width + width_beyond(type_.items, item) for item in value)
        case Map():
            width = column_of(stored_type(type_)).children[0].width
            return sum(width + len(key.encode()) + width_beyond(type_.values, item) for key, item in value.items())
        case Scalar() | Fixed() | Enumeration() | Decimal() | Recursive():
            return len(value.encode() if isinstance(value, str) else value) if isinstance(value, str | bytes) else 0
        case _:
            assert_never(type_)


def _unfit(where: str, wanted: str) -> ContractError:
    return ContractError(where, "a default that does not fit its type", f"leave it out, or {wanted}")


def _value(type_: Type, avro: Any, path: str) -> Any:
    match type_:
        case Optional():
            return None if avro is None else _value(type_.item, avro, path)
        case Union():
            return _of_union(type_, avro, path)
        case Recursive():
            raise _unfit(path, "write null, or an empty list, for a record within itself")
        case Record():
            return _fields(type_, _of(dict, avro, path, "write a JSON object of its fields"), path)
        case Array():
            items = _of(list, avro, path, "write a list, such as []")
            return [_value(type_.items, item, f"{path}[{index}]") for index, item in enumerate(items)]
        case Map():
            entries = _of(dict, avro, path, "write a JSON object, such as {}")
            return {key: _value(type_.values, item, f"{path}.{key[:40]}") for key, item in entries.items()}
        case Decimal():
            data = _bytes(avro, path)
            return Number(int.from_bytes(data, "big", signed=True)).scaleb(-type_.scale, _DIGITS)
        case Fixed():
            return _bytes(avro, path)
        case Enumeration():
            return avro
        case Scalar(kind):
            return _scalar(kind, avro, path)
        case _:
            assert_never(type_)


def _of_union(union: Union, avro: Any, path: str) -> Any:
    """Return a value of the first branch that a default fits."""
    if avro is None and union.null is not None:
        return None
    for branch in union.branches:
        try:
            return {branch.name: check(branch.type, _value(branch.type, avro, path), path)}
        except (ContractError, InvalidEventError):
            continue
    raise _unfit(path, "write a value of one of the types of its union")


def _fields(record: Record, given: Mapping[str, Any], path: str) -> dict[str, Any]:
    written = {field.name for _, field in record.unstored}
    types = {field.name: field.type for field in record.fields}
    return {
        name: _value(types[name], value, f"{path}.{name}") if name in types else value
        for name, value in given.items()
        if name not in written
    }


def _scalar(kind: Kind, avro: Any, path: str) -> Any:
    if kind is Kind.BYTES:
        return _bytes(avro, path)
    read = _READERS.get(kind)
    if read is None:
        return avro
    number = _of(int, avro, path, "write a whole number, as Avro writes this type")
    try:
        return read(number)
    except OverflowError:
        raise _unfit(path, "write a time within years 1 to 9999") from None


def _of(wanted: type, value: Any, path: str, remedy: str) -> Any:
    if type(value) is not wanted:
        raise _unfit(path, remedy)
    return value


def _bytes(avro: Any, path: str) -> bytes:
    """Read bytes, which are text of characters up to U+00FF."""
    try:
        return str(_of(str, avro, path, _AS_BYTES)).encode("latin-1")
    except UnicodeEncodeError:
        raise _unfit(path, _AS_BYTES) from None


_AS_BYTES: Final = 'write its bytes as text of the characters U+0000 to U+00FF, such as "\\u00ff"'
_MILLI, _MICRO = timedelta(milliseconds=1), timedelta(microseconds=1)
_LOCAL: Final = EPOCH.replace(tzinfo=None)
_READERS: Final[Mapping[Kind, Callable[[int], Any]]] = {
    Kind.DATE: lambda days: date.fromordinal(EPOCH.toordinal() + _day_within(days)),
    Kind.TIME_MILLIS: lambda number: _time(number * 1000),
    Kind.TIME_MICROS: lambda number: _time(number),
    Kind.TIMESTAMP_MILLIS: lambda number: EPOCH + number * _MILLI,
    Kind.TIMESTAMP_MICROS: lambda number: EPOCH + number * _MICRO,
    Kind.LOCAL_TIMESTAMP_MILLIS: lambda number: _LOCAL + number * _MILLI,
    Kind.LOCAL_TIMESTAMP_MICROS: lambda number: _LOCAL + number * _MICRO,
}


def _day_within(days: int) -> int:
    if not FIRST_DAY <= days <= LAST_DAY:
        raise OverflowError
    return days


def _time(micros: int) -> Any:
    if not 0 <= micros < DAY_MILLIS * 1000:
        raise OverflowError
    return (EPOCH + micros * _MICRO).time()
