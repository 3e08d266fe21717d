"""Strict decoder of Avro binary into values for Arrow, one datum at a time.

General decoders accept wrong data silently: negative union and enum indexes, over-long varints, trailing bytes,
booleans of 7. One of them crashes on deep nesting; see docs/adr/0003-strict-decoder.md. This decoder is compiled from a
contract into closures and reads each byte once. It accepts only the encoding that a correct writer produces. Its errors
name the field and the byte, never a value.

A datum of an older version is resolved to the newest version while it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from headrace.schemas.containers import (
    FAILURES,
    Room,
    array_reader,
    joined,
    map_reader,
    optional_reader,
    placed,
    record_reader,
)
from headrace.schemas.errors import UndecodableError
from headrace.schemas.headers import FIRST_BYTES, header_before, two_readings
from headrace.schemas.model import MAX_COLUMN_BYTES, Decimal, Fixed, Kind, Record, Scalar, Type
from headrace.schemas.no_list import NO_LIST
from headrace.schemas.recursion import Subtree
from headrace.schemas.resolve import Fields, Items, Nullable, Resolved, Symbols, Value, resolve, resolve_record
from headrace.schemas.resolve_unions import Absent, Choice, Member
from headrace.schemas.scalars import Read, decimal_reader, float32, scalar_reader
from headrace.schemas.subtree_readers import Nest, charged, item_cost, nested_reader, text_reader
from headrace.schemas.union_readers import choice_reader, member_reader
from headrace.schemas.varint import Malformed, read_long

MAX_PAYLOAD_BYTES: Final = 1_048_576

Decode: TypeAlias = Callable[[bytes], list[Any]]


def compile_decoder(writer: Record, reader: Record) -> Decode:
    """Compile the function that reads a datum of *writer* as a list of values, in the order of *reader*'s columns.

    Values have the types that Arrow takes: times and dates as integers, decimals as ``decimal.Decimal``, records as
    dicts, maps as lists of ``{"key", "value"}``. A null list is :data:`headrace.schemas.no_list.NO_LIST`. A payload
    that is a datum both as it is and behind a known header is refused, unless one of the two contracts declares that
    payloads have no header.

    Raises:
        ContractError: *reader* cannot read events of *writer*.
    """
    resolved = resolve_record(writer, reader)
    room = Room()
    steps = [(step.name, step.place, _reader(step.value, room)) for step in resolved.steps]
    empty: list[Any] = [None] * len(resolved.names)
    for place, default in resolved.defaults:
        empty[place] = default

    def decode(data: bytes) -> list[Any]:
        if len(data) > MAX_PAYLOAD_BYTES:
            raise UndecodableError(f"larger than {MAX_PAYLOAD_BYTES} bytes")
        row = empty.copy()
        room.left = MAX_COLUMN_BYTES
        position = 0
        name = ""
        try:
            for name, index, read in steps:  # noqa: B007 the error below uses the last name
                value, position = read(data, position)
                if index >= 0:
                    row[index] = value
        except FAILURES as error:
            failure = placed(error, position, name)
            raise UndecodableError(failure.why, joined(failure.path), failure.offset) from None
        if position != len(data):
            raise UndecodableError(f"{len(data) - position} bytes follow the last field", offset=position)
        for place in resolved.is_null_places:
            row[place + 1] = row[place] is NO_LIST
        return row

    def decode_unambiguous(data: bytes) -> list[Any]:
        row = decode(data)
        if data[0] in FIRST_BYTES and (header := header_before(data, decode)):
            raise two_readings(header.length)
        return row

    return decode if writer.datum or reader.datum else decode_unambiguous


def value_reader(type_: Type) -> Read:
    """Return the reader of one value of *type_*, for use at any position."""
    return _reader(resolve(type_, type_, ""), None)


def subtree_reader(subtree: Subtree) -> Read:
    """Return the reader of a record within itself as a JSON text."""
    return _subtree(subtree, None, None)


def _reader(resolved: Resolved, room: Room | None, nest: Nest | None = None) -> Read:
    """Return a reader whose lists take *room*; *nest* is that of the JSON text around it."""
    match resolved:
        case Nullable(item, null_first):
            nothing = NO_LIST if isinstance(item, Items) else None
            return optional_reader(_reader(item, room, nest), null_first, nothing)
        case Items(item, of_map, width):
            more = item_cost(item) if nest else 0
            return (map_reader if of_map else array_reader)(_reader(item, room, nest), room, width + more)
        case Fields():
            return _fields(resolved, room, nest)
        case Choice():
            return _choice(resolved, room, nest)
        case Member(place, value, names, empty):
            return member_reader(_reader(value, room, nest), names[place], dict(zip(names, empty, strict=True)))
        case Subtree():
            return _subtree(resolved, room, nest)
        case Symbols(symbols):
            return _enumeration(symbols)
        case Value(type_, into):
            return _value(type_, into)


def _fields(fields: Fields, room: Room | None, nest: Nest | None) -> Read:
    steps = [(step.name, step.place >= 0, _reader(step.value, room, nest)) for step in fields.steps]
    defaults = {fields.names[place]: value for place, value in fields.defaults}
    return record_reader(steps, defaults, [(fields.names[at], fields.names[at + 1]) for at in fields.is_null_places])


def _choice(choice: Choice, room: Room | None, nest: Nest | None) -> Read:
    readers = [None if isinstance(each, Absent) else _reader(each, room, nest) for each in choice.branches]
    null = choice.branches.index(Absent.NULL) if Absent.NULL in choice.branches else None
    return choice_reader(list(zip(choice.names, readers, strict=True)), null, choice.nothing)


def _subtree(subtree: Subtree, room: Room | None, nest: Nest | None) -> Read:
    return text_reader(subtree, room, _nested) if nest is None else nested_reader(subtree, nest, _nested)


def _nested(subtree: Subtree, nest: Nest) -> Read:
    resolved = resolve_record(subtree.writer.record, subtree.reader.record)
    return charged(_fields(resolved, nest.room, nest), resolved, nest.room)


def _value(type_: Scalar | Decimal | Fixed, into: Kind | None) -> Read:
    match type_:
        case Decimal():
            return decimal_reader(type_)
        case Fixed(size):
            return _fixed(size)
        case Scalar(kind):
            return _scalar(kind, into)


def _scalar(kind: Kind, into: Kind | None) -> Read:
    read = scalar_reader(kind)
    if into not in (Kind.FLOAT, Kind.DOUBLE) or kind in (Kind.FLOAT, Kind.DOUBLE):
        return read

    promote = float32 if into is Kind.FLOAT else float

    def promoted(data: bytes, position: int) -> tuple[float, int]:
        value, position = read(data, position)
        return promote(value), position

    return promoted


def _enumeration(symbols: tuple[str, ...]) -> Read:
    def enumeration(data: bytes, position: int) -> tuple[str, int]:
        index, after = read_long(data, position)
        if not 0 <= index < len(symbols):
            raise Malformed("no symbol of its enum", position)
        return symbols[index], after

    return enumeration


def _fixed(size: int) -> Read:
    def fixed(data: bytes, position: int) -> tuple[bytes, int]:
        end = position + size
        if end > len(data):
            raise IndexError
        return data[position:end], end

    return fixed
