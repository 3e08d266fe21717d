"""Strict Avro binary into Arrow-ready values, one datum at a time.

The general decoders accept wrong data quietly (negative union and enum indexes, over-long varints, trailing
bytes, booleans of 7) and one of them dies on deep nesting; see docs/adr/0003-strict-decoder.md. This one is
compiled from a contract into closures, reads each byte once, refuses every encoding but the one a correct
writer makes, and says which field and byte it stopped at, never a value.

A datum of an older version is resolved to the newest one while it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from schemas.containers import FAILURES, array_reader, joined, map_reader, optional_reader, placed, record_reader
from schemas.defaults import default_value
from schemas.errors import ContractError, UndecodableError
from schemas.model import Array, Decimal, Enumeration, Fixed, Kind, Map, Optional, Record, Scalar, Type
from schemas.scalars import Read, decimal_reader, scalar_reader
from schemas.varint import Malformed, read_long

MAX_PAYLOAD_BYTES: Final = 1_048_576

Decode: TypeAlias = Callable[[bytes], list[Any]]


def compile_decoder(writer: Record, reader: Record) -> Decode:
    """Compile the function that reads a datum of *writer* as a list of values, in the order of *reader*'s fields.

    Values are what Arrow takes: times and dates as integers, decimals as ``decimal.Decimal``, records as
    dicts, maps as lists of ``{"key", "value"}``.

    Raises:
        ContractError: *reader* cannot read what *writer* wrote.
    """
    steps = _record_steps(writer, reader, "")
    empty: list[Any] = [None] * len(reader.fields)
    for place, default in _defaults(writer, reader, ""):
        empty[place] = default

    def decode(data: bytes) -> list[Any]:
        if len(data) > MAX_PAYLOAD_BYTES:
            raise UndecodableError(f"larger than {MAX_PAYLOAD_BYTES} bytes")
        row = empty.copy()
        position = 0
        name = ""
        try:
            for name, index, read in steps:  # noqa: B007 the error below says where it was
                value, position = read(data, position)
                if index >= 0:
                    row[index] = value
        except FAILURES as error:
            failure = placed(error, position, name)
            raise UndecodableError(failure.why, joined(failure.path), failure.offset) from None
        if position != len(data):
            raise UndecodableError(f"{len(data) - position} bytes follow the last field", offset=position)
        return row

    return decode


def value_reader(type_: Type) -> Read:
    """The reader of one value of *type_*, wherever it stands."""
    return _reader(type_, type_, "")


def _record_steps(writer: Record, reader: Record, path: str) -> list[tuple[str, int, Read]]:
    places = {field.name: (index, field) for index, field in enumerate(reader.fields)}
    steps = []
    for field in writer.fields:
        index, target = places.get(field.name, (-1, field))
        steps.append((field.name, index, _reader(field.type, target.type, f"{path}{field.name}")))
    return steps


def _defaults(writer: Record, reader: Record, path: str) -> list[tuple[int, Any]]:
    written = {field.name for field in writer.fields}
    new = [(index, field) for index, field in enumerate(reader.fields) if field.name not in written]
    return [(index, default_value(field, f"{path}{field.name}")) for index, field in new]


def _reader(writer: Type, reader: Type, path: str) -> Read:
    match writer, reader:
        case Optional(), Optional():
            return optional_reader(_reader(writer.item, reader.item, path), writer.null_first)
        case _, Optional():
            return _reader(writer, reader.item, path)
        case Record(), Record():
            return _record(writer, reader, f"{path}.")
        case Array(), Array():
            return array_reader(_reader(writer.items, reader.items, path))
        case Map(), Map():
            return map_reader(_reader(writer.values, reader.values, path))
        case Enumeration(), Enumeration():
            return _enumeration(writer, reader, path)
        case Decimal(), Decimal() if (writer.precision, writer.scale) == (reader.precision, reader.scale):
            return decimal_reader(writer)
        case Fixed(), Fixed() if writer == reader:
            return _fixed(writer.size)
        case Scalar(), Scalar():
            return _scalar(writer, reader, path)
        case _:
            raise _unreadable(path)


_PROMOTED: Final = {
    (Kind.INT, Kind.LONG): int,
    (Kind.INT, Kind.FLOAT): float,
    (Kind.INT, Kind.DOUBLE): float,
    (Kind.LONG, Kind.FLOAT): float,
    (Kind.LONG, Kind.DOUBLE): float,
    (Kind.FLOAT, Kind.DOUBLE): float,
}


def _scalar(writer: Scalar, reader: Scalar, path: str) -> Read:
    read = scalar_reader(writer.kind)
    if writer.kind is reader.kind:
        return read
    promote = _PROMOTED.get((writer.kind, reader.kind))
    if promote is None:
        raise _unreadable(path)

    def promoted(data: bytes, position: int) -> tuple[Any, int]:
        value, position = read(data, position)
        return promote(value), position

    return promoted


def _record(writer: Record, reader: Record, path: str) -> Read:
    steps = [(name, index >= 0, read) for name, index, read in _record_steps(writer, reader, path)]
    defaults = {reader.fields[index].name: value for index, value in _defaults(writer, reader, path)}
    return record_reader(steps, defaults)


def _enumeration(writer: Enumeration, reader: Enumeration, path: str) -> Read:
    symbols = [symbol if symbol in reader.symbols else reader.default for symbol in writer.symbols]
    if None in symbols:
        raise _unreadable(path)

    def enumeration(data: bytes, position: int) -> tuple[Any, int]:
        index, after = read_long(data, position)
        if not 0 <= index < len(symbols):
            raise Malformed("no symbol of its enum", position)
        return symbols[index], after

    return enumeration


def _fixed(size: int) -> Read:
    def fixed(data: bytes, position: int) -> tuple[Any, int]:
        end = position + size
        if end > len(data):
            raise IndexError
        return data[position:end], end

    return fixed


def _unreadable(path: str) -> ContractError:
    return ContractError(path, "the newer version cannot read the older one", "keep the type, add a field")
