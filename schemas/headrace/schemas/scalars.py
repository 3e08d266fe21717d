"""Strict readers of Avro's scalar types, with logical types."""

from __future__ import annotations

import decimal
import re
import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from headrace.schemas.decimal_limits import too_many_digits, wrong_length
from headrace.schemas.json_text import json_fault
from headrace.schemas.model import Decimal, Kind
from headrace.schemas.varint import Malformed, read_length, read_long

Read: TypeAlias = Callable[[bytes, int], tuple[Any, int]]

DAY_MILLIS: Final = 86_400_000
# BigQuery's DATE, DATETIME and TIMESTAMP hold years 1 to 9999; here in days and microseconds since 1970.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
FIRST_MICRO, LAST_MICRO = FIRST_DAY * DAY_MILLIS * 1000, (LAST_DAY + 1) * DAY_MILLIS * 1000 - 1


class Bounds(NamedTuple):
    """Range of a kind's whole numbers, the factor to the column's unit, and the error text for other numbers."""

    low: int
    high: int
    scale: int
    why: str


_NO_TIME: Final = "a time of no day"
_NO_YEAR: Final = "a time outside years 1 to 9999"
_MILLIS: Final = Bounds(FIRST_MICRO // 1000, LAST_MICRO // 1000, 1000, _NO_YEAR)
_MICROS: Final = Bounds(FIRST_MICRO, LAST_MICRO, 1, _NO_YEAR)
BOUNDS: Final = {
    Kind.INT: Bounds(-(2**31), 2**31 - 1, 1, "an int beyond 32 bits"),
    Kind.DATE: Bounds(FIRST_DAY, LAST_DAY, 1, "a date outside years 1 to 9999"),
    Kind.TIME_MILLIS: Bounds(0, DAY_MILLIS - 1, 1000, _NO_TIME),
    Kind.TIME_MICROS: Bounds(0, DAY_MILLIS * 1000 - 1, 1, _NO_TIME),
    Kind.TIMESTAMP_MILLIS: _MILLIS,
    Kind.TIMESTAMP_MICROS: _MICROS,
    Kind.LOCAL_TIMESTAMP_MILLIS: _MILLIS,
    Kind.LOCAL_TIMESTAMP_MICROS: _MICROS,
}
UUID_TEXT = re.compile(rb"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_DIGITS = decimal.Context(prec=80, traps=[decimal.Inexact, decimal.InvalidOperation])
_FLOAT = struct.Struct("<f").unpack_from
_DOUBLE = struct.Struct("<d").unpack_from


def scalar_reader(kind: Kind) -> Read:
    """Return the reader of one kind; it takes the data and a position, and returns the value and the next position."""
    return _READERS[kind]


def _boolean(data: bytes, position: int) -> tuple[bool, int]:
    byte = data[position]
    if byte > 1:
        raise Malformed("neither true nor false", position)
    return byte == 1, position + 1


def read_float(data: bytes, position: int) -> tuple[float, int]:
    """Read a float of four bytes; raises struct.error if the data ends in it."""
    return _FLOAT(data, position)[0], position + 4


def float32(value: float) -> float:
    """Return the nearest number that four bytes hold."""
    return float(_FLOAT(struct.pack("<f", value))[0])


def read_double(data: bytes, position: int) -> tuple[float, int]:
    """Read a double of eight bytes; raises struct.error if the data ends in it."""
    return _DOUBLE(data, position)[0], position + 8


def _bytes(data: bytes, position: int) -> tuple[bytes, int]:
    length, position = read_length(data, position)
    end = position + length
    return data[position:end], end


def _string(data: bytes, position: int) -> tuple[str, int]:
    length, start = read_length(data, position)
    end = start + length
    try:
        return data[start:end].decode(), end
    except UnicodeDecodeError:
        raise Malformed("not UTF-8", position) from None


def _uuid(data: bytes, position: int) -> tuple[str, int]:
    value, end = _bytes(data, position)
    if not UUID_TEXT.fullmatch(value):
        raise Malformed("not a UUID", position)
    return value.decode().lower(), end


def _json(data: bytes, position: int) -> tuple[str, int]:
    value, end = _string(data, position)
    fault = json_fault(value)
    if fault is not None:
        raise Malformed(fault, position)
    return value, end


def _bounded(bounds: Bounds) -> Read:
    low, high, scale, why = bounds

    def bounded(data: bytes, position: int) -> tuple[int, int]:
        value, after = read_long(data, position)
        if not low <= value <= high:
            raise Malformed(why, position)
        return value * scale, after

    return bounded


def longest_decimal(type_: Decimal) -> int:
    """Return the most bytes of a decimal that is written with its length."""
    return int(((10**type_.precision).bit_length() + 8) // 8)


def decimal_reader(type_: Decimal) -> Read:
    """Return the reader of one decimal; it accepts at most the bytes and digits that the precision needs."""
    limit = 10**type_.precision
    longest = longest_decimal(type_)
    scale = -type_.scale
    size = type_.size

    def unscaled(data: bytes, position: int) -> tuple[decimal.Decimal, int]:
        start = position
        if size is None:
            length, position = read_length(data, position)
            if not 1 <= length <= longest:
                raise Malformed(wrong_length(type_), start)
        else:
            length = size
            if position + length > len(data):
                raise IndexError
        end = position + length
        number = int.from_bytes(data[position:end], "big", signed=True)
        if not -limit < number < limit:
            raise Malformed(too_many_digits(type_), start)
        return decimal.Decimal(number).scaleb(scale, _DIGITS), end

    return unscaled


_READERS: Final[dict[Kind, Read]] = {
    Kind.BOOLEAN: _boolean,
    Kind.LONG: read_long,
    Kind.FLOAT: read_float,
    Kind.DOUBLE: read_double,
    Kind.STRING: _string,
    Kind.BYTES: _bytes,
    Kind.UUID: _uuid,
    Kind.JSON: _json,
    **{kind: _bounded(bounds) for kind, bounds in BOUNDS.items()},
}
