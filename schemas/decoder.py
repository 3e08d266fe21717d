"""Strict Avro binary into Arrow-ready values, one datum at a time.

The general decoders accept wrong data quietly (negative union and enum indexes, over-long varints, trailing
bytes, booleans of 7) and one of them dies on deep nesting; see docs/adr/0003-strict-decoder.md. This one is
compiled from a contract into closures, reads each byte once, refuses every encoding but the one a correct
writer makes, and says which field and byte it stopped at, never a value.

A datum of an older version is resolved to the newest one while it is read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from schemas.defaults import default_value
from schemas.errors import ContractError, UndecodableError
from schemas.model import MAX_ITEMS, Array, Decimal, Enumeration, Fixed, Kind, Map, Optional, Record, Scalar, Type
from schemas.scalars import decimal_reader, scalar_reader
from schemas.varint import Malformed, read_length, read_long

MAX_PAYLOAD_BYTES: Final = 1_048_576

Read: TypeAlias = Callable[[bytes, int], tuple[Any, int]]
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
        except Malformed as error:
            raise UndecodableError(error.why, ".".join([name, *error.path]), error.offset) from None
        except (IndexError, struct.error):
            raise UndecodableError("ends in the middle", name, len(data)) from None
        if position != len(data):
            raise UndecodableError(f"{len(data) - position} bytes follow the last field", offset=position)
        return row

    return decode


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
            return _optional(_reader(writer.item, reader.item, path), writer.null_first)
        case _, Optional():
            return _reader(writer, reader.item, path)
        case Record(), Record():
            return _record(writer, reader, f"{path}.")
        case Array(), Array():
            return _array(_reader(writer.items, reader.items, path))
        case Map(), Map():
            return _map(_reader(writer.values, reader.values, path))
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


def _optional(read: Read, null_first: bool) -> Read:
    null, value = (0, 2) if null_first else (2, 0)  # zigzag of the branch's index

    def optional(data: bytes, position: int) -> tuple[Any, int]:
        branch = data[position]
        if branch == value:
            return read(data, position + 1)
        if branch == null:
            return None, position + 1
        raise Malformed("no branch of its union", position)

    return optional


def _record(writer: Record, reader: Record, path: str) -> Read:
    steps = [(name, index >= 0, read) for name, index, read in _record_steps(writer, reader, path)]
    defaults = {reader.fields[index].name: value for index, value in _defaults(writer, reader, path)}

    def record(data: bytes, position: int) -> tuple[Any, int]:
        fields = dict(defaults)
        name = ""
        try:
            for name, kept, read in steps:
                value, position = read(data, position)
                if kept:
                    fields[name] = value
        except Malformed as error:
            error.path.insert(0, name)
            raise
        return fields, position

    return record


def _blocks(data: bytes, position: int, seen: int) -> tuple[int, int, int]:
    """Read a block's count: items in it, position of the first, and where it must end (-1: not said)."""
    start = position
    count, position = read_long(data, position)
    end = -1
    if count < 0:
        size, position = read_length(data, position)
        count, end = -count, position + size
    if seen + count > MAX_ITEMS:
        raise Malformed(f"more than {MAX_ITEMS} items", start)
    if count > len(data) - position:  # every item is a byte at least: the lint refuses empty ones
        raise Malformed("more items than bytes", start)
    return count, position, end


def _array(read: Read) -> Read:
    def array(data: bytes, position: int) -> tuple[Any, int]:
        items: list[Any] = []
        while True:
            count, position, end = _blocks(data, position, len(items))
            if not count:
                return items, position
            for _ in range(count):
                item, position = read(data, position)
                items.append(item)
            if end >= 0 and position != end:
                raise Malformed("a block of another size than it says", position)

    return array


def _map(read: Read) -> Read:
    read_key = scalar_reader(Kind.STRING)

    def entry(data: bytes, position: int) -> tuple[Any, int]:
        key, position = read_key(data, position)
        value, position = read(data, position)
        return {"key": key, "value": value}, position

    read_entries = _array(entry)

    def map_(data: bytes, position: int) -> tuple[Any, int]:
        start = position
        entries, position = read_entries(data, position)
        if len({entry["key"] for entry in entries}) != len(entries):
            raise Malformed("a key stands twice", start)
        return entries, position

    return map_


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
