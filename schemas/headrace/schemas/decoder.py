"""Strict decoder of Avro binary into values for Arrow, one datum at a time.

General decoders accept wrong data silently: negative union and enum indexes, over-long varints, trailing bytes,
booleans of 7. One of them crashes on deep nesting; see docs/adr/0003-strict-decoder.md. This decoder is compiled from a
contract into closures and reads each byte once. It accepts only the encoding that a correct writer produces. Its errors
name the field and the byte, never a value.

A datum of an older version is resolved to the newest version while it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    single_reader,
)
from headrace.schemas.errors import UndecodableError
from headrace.schemas.event_room import MAX_EVENT_BYTES
from headrace.schemas.headers import FIRST_BYTES, header_before, two_readings
from headrace.schemas.model import MAX_COLUMN_BYTES, Decimal, Fixed, Kind, Record, Scalar, Type
from headrace.schemas.no_list import NO_LIST
from headrace.schemas.recursion import Subtree
from headrace.schemas.resolve import (
    Default,
    Fields,
    Items,
    Nullable,
    Only,
    Resolved,
    Symbols,
    Value,
    resolve,
    resolve_record,
)
from headrace.schemas.resolve_unions import Absent, Choice, Member
from headrace.schemas.scalars import Read, decimal_reader, float32, scalar_reader
from headrace.schemas.subtree_readers import Nest, charged, item_cost, nested_reader, text_reader
from headrace.schemas.union_readers import choice_reader, member_reader
from headrace.schemas.varint import Malformed, read_long

MAX_PAYLOAD_BYTES: Final = MAX_EVENT_BYTES

Decode: TypeAlias = Callable[[bytes], list[Any]]


def compile_decoder(writer: Record, reader: Record, by_column: bool = False) -> Decode:
    """Compile the function that reads a datum of *writer* as a list of values, in the order of *reader*'s columns.

    Values have the types that Arrow takes: times and dates as integers, decimals as ``decimal.Decimal``, records as
    dicts, maps as lists of ``{"key", "value"}``. A null list is :data:`headrace.schemas.no_list.NO_LIST`. A payload
    that is a datum both as it is and behind a known header is refused, unless one of the two contracts declares that
    payloads have no header. Dicts have the names of fields as keys, or with *by_column* those of columns.

    Raises:
        ContractError: *reader* cannot read events of *writer*.
    """
    resolved = resolve_record(writer, reader)
    room = Room()
    compiler = _Compiler(room, by_column)
    steps = [(step.name, step.place, compiler.reader(step.value)) for step in resolved.steps]
    empty: list[Any] = [None] * len(resolved.targets)
    for place, default in resolved.defaults:
        empty[place] = compiler.default(default)

    def decode(data: bytes) -> list[Any]:
        if len(data) > MAX_PAYLOAD_BYTES:
            raise UndecodableError(f"larger than {MAX_PAYLOAD_BYTES} bytes")
        row = empty.copy()
        room.left = MAX_COLUMN_BYTES
        position = writer.header
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


def value_reader(type_: Type, by_column: bool = False) -> Read:
    """Return the reader of one value of *type_*, for use at any position; *by_column* as in :func:`compile_decoder`."""
    return _Compiler(None, by_column).reader(resolve(type_, type_, ""))


@dataclass(frozen=True, slots=True)
class _Compiler:
    """Compiler of readers whose lists take *room*; dicts have the names of columns as keys if *by_column*.

    *nest* is that of the JSON text around the values.
    """

    room: Room | None = None
    by_column: bool = False
    nest: Nest | None = None

    def reader(self, resolved: Resolved) -> Read:
        match resolved:
            case Nullable(item, null_first):
                return optional_reader(self.reader(item), null_first, NO_LIST if isinstance(item, Items) else None)
            case Only(item):
                return single_reader(self.reader(item))
            case Items():
                return self._items(resolved)
            case Fields():
                return self.record(resolved)
            case Choice():
                return self._choice(resolved)
            case Member(place, value, names, empty):
                return member_reader(self.reader(value), names[place], dict(zip(names, empty, strict=True)))
            case Subtree():
                return self._subtree(resolved)
            case Symbols(symbols):
                return _enumeration(symbols)
            case Value(type_, into):
                return _value(type_, into)

    def default(self, default: Default) -> Any:
        """Return the value of a default, whose width in columns was counted when it was resolved."""
        return _Compiler(None, self.by_column).reader(default.value)(default.datum, 0)[0]

    def record(self, fields: Fields) -> Read:
        """Return the reader of a record."""
        keys = [target.column if self.by_column else target.name for target in fields.targets]
        steps = [
            (step.name, keys[step.place] if step.place >= 0 else None, self.reader(step.value)) for step in fields.steps
        ]
        defaults = {keys[place]: self.default(default) for place, default in fields.defaults}
        return record_reader(steps, defaults, [(keys[place], keys[place + 1]) for place in fields.is_null_places])

    def _items(self, items: Items) -> Read:
        width = items.width + (item_cost(items.item) if self.nest else 0)
        return (map_reader if items.of_map else array_reader)(self.reader(items.item), self.room, width)

    def _choice(self, choice: Choice) -> Read:
        readers = [None if isinstance(each, Absent) else self.reader(each) for each in choice.branches]
        null = choice.branches.index(Absent.NULL) if Absent.NULL in choice.branches else None
        return choice_reader(list(zip(choice.names, readers, strict=True)), null, choice.nothing)

    def _subtree(self, subtree: Subtree) -> Read:
        if self.nest is None:
            return text_reader(subtree, self.room, _nested)
        return nested_reader(subtree, self.nest, _nested)


def subtree_reader(subtree: Subtree) -> Read:
    """Return the reader of a record within itself as a JSON text."""
    return _Compiler().reader(subtree)


def _nested(subtree: Subtree, nest: Nest) -> Read:
    resolved = resolve_record(subtree.writer.record, subtree.reader.record)
    return charged(_Compiler(nest.room, False, nest).record(resolved), resolved, nest.room)


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
