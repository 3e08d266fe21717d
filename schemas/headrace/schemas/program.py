"""Compiler of a resolved pair of contracts into a flat program, which the compiled module runs for each message.

An instruction is six int32: the opcode, the form of its union, the column, the index of the next instruction, and two
operands. ``native/columns/decode.h`` describes the same format.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

from headrace.schemas.decoder import subtree_reader
from headrace.schemas.layout import Column
from headrace.schemas.model import Decimal, Fixed, Kind, Scalar
from headrace.schemas.recursion import Subtree
from headrace.schemas.resolve import Default, Fields, Items, Nullable, Only, Resolved, Symbols, Value
from headrace.schemas.resolve_unions import Absent, Choice, Member
from headrace.schemas.scalars import BOUNDS, Bounds, Read, longest_decimal


class Code(IntEnum):
    """Opcodes, with the meaning of their operands *a* and *b*."""

    BOOLEAN = 0
    NUMBER = 1  # a: index of low, high and scale in numbers
    FLOAT = 2
    DOUBLE = 3
    STRING = 4
    BYTES = 5
    UUID = 6
    FIXED = 7  # a: size
    ENUM = 8  # a: index of the first symbol, b: number of symbols
    DECIMAL = 9  # a: index in numbers of the limit's four limbs and the most bytes; b: size, or -1
    RECORD = 10  # its fields follow
    ARRAY = 11  # a: the most bytes of one item in columns; the instructions of the item follow
    MAP = 12  # like ARRAY; a record of key and value follows
    DEFAULT = 13  # a: index of the symbol that is its datum; the instructions that read this datum follow
    CHOICE = 14  # a: index in numbers of the first branch's instruction, b: number of branches; they follow, each whole
    MEMBER = 15  # the instruction of one member of a struct follows; the other members are null or empty
    IS_NULL = 16  # a: the first byte of null in the payload; whether the next value begins with it, without reading it
    JSON = 17  # a string that a JSON column can hold
    SUBTREE = 18  # a: index of the reader of a record within itself, in readers


NULL_BRANCH: Final = -1  # in place of a branch's instruction
UNREADABLE_BRANCH: Final = -2


INSTRUCTION_BYTES: Final = 24
OPERAND_OFFSET: Final = 16  # of the operand *a* in an instruction
_LONG: Final = Bounds(-(2**63), 2**63 - 1, 1, "")
_READ_OVER: Final = -1
_CODES: Final = {
    Kind.BOOLEAN: Code.BOOLEAN,
    Kind.FLOAT: Code.FLOAT,
    Kind.DOUBLE: Code.DOUBLE,
    Kind.STRING: Code.STRING,
    Kind.BYTES: Code.BYTES,
    Kind.UUID: Code.UUID,
    Kind.JSON: Code.JSON,
}


Path: TypeAlias = tuple[str | None, ...]


class Place(NamedTuple):
    """Path that an instruction reads, with None for an index, and its type if an error text depends on it."""

    path: Path
    type: Scalar | Decimal | None


@dataclass(frozen=True, slots=True)
class Program:
    """Tables for the compiled module, and the place of each instruction."""

    code: bytes
    numbers: bytes
    symbols: bytes
    texts: bytes
    places: tuple[Place, ...]
    readers: tuple[Read, ...] = ()


def compile_program(resolved: Fields, columns: Column) -> Program:
    """Compile the program that reads *resolved* into *columns*, the reader's columns."""
    writer = _Writer()
    writer.fields(resolved, columns, 0, ())
    return Program(
        b"".join(struct.pack("=6i", *instruction) for instruction in writer.code),
        writer.numbers.tobytes(),
        writer.symbols.tobytes(),
        bytes(writer.texts),
        tuple(writer.places),
        tuple(writer.readers),
    )


class _Writer:
    def __init__(self) -> None:
        self.code: list[list[int]] = []
        self.places: list[Place] = []
        self.readers: list[Read] = []
        self.numbers, self.symbols, self.texts = array("q"), array("i"), bytearray()

    def fields(self, fields: Fields, column: Column | None, index: int, path: Path) -> None:
        """Add the fields of a record, whose column has the index *index*; *column* is ``None`` if it is skipped."""
        columns: list[tuple[Column | None, int]] = [*_children(column, index)] if column else []
        for step in fields.steps:
            kept = column is not None and step.place >= 0
            child, at = columns[step.place] if kept else (None, _READ_OVER)
            if kept and step.place in fields.is_null_places:
                self._is_null(null_byte(step.value), *columns[step.place + 1], (*path, step.name))
            self._resolved(step.value, child, at, (*path, step.name))
        for place, default in fields.defaults if column else ():
            child, at = columns[place]
            self._default(default, child, at, (*path, fields.targets[place].name))
            if place in fields.is_null_places:
                is_null = default.datum[0] == null_byte(default.value)
                self._flag(is_null, *columns[place + 1], (*path, fields.targets[place + 1].name))

    def _is_null(self, byte: int | None, column: Column | None, index: int, path: Path) -> None:
        """Append whether the next value is null: whether it begins with *byte*. Without a byte it never is."""
        if byte is None:
            self._flag(False, column, index, path)
        else:
            self._write(Code.IS_NULL, 0, index, path, byte)

    def _flag(self, flag: bool, column: Column | None, index: int, path: Path) -> None:
        self._default(Default(b"\1" if flag else b"\0", Value(Scalar(Kind.BOOLEAN)), 0), column, index, path)

    def _resolved(self, value: Resolved, column: Column | None, index: int, path: Path, optional: int = 0) -> None:
        match value:
            case Nullable(item, null_first):
                self._resolved(item, column, index, path, 1 if null_first else 2)
            case Only(item):
                self._resolved(item, column, index, path, 3)
            case Fields():
                here = self._write(Code.RECORD, optional, index, path)
                self.fields(value, column, index, path)
                self.code[here][3] = len(self.code)
            case Items():
                self._items(value, column, index, path, optional)
            case Subtree():
                self._write(Code.SUBTREE, optional, index, path, len(self.readers))
                self.readers.append(subtree_reader(value))
            case Choice():
                self._choice(value, column, index, path)
            case Member(place, member):
                here = self._write(Code.MEMBER, optional, index, path)
                child, at = [*_children(column, index)][place] if column else (None, _READ_OVER)
                self._resolved(member, child, at, path)
                self.code[here][3] = len(self.code)
            case Symbols(symbols):
                self._write(Code.ENUM, optional, index, path, len(self.symbols) // 2, len(symbols))
                for symbol in symbols:
                    self._data(symbol.encode())
            case Value():
                self._value(value, optional, index, path)

    def _choice(self, choice: Choice, column: Column | None, index: int, path: Path) -> None:
        first = self._numbers(*(NULL_BRANCH for _ in choice.branches))
        here = self._write(Code.CHOICE, 0, index, path, first, len(choice.branches))
        for number, (branch, name) in enumerate(zip(choice.branches, choice.names, strict=True), first):
            if isinstance(branch, Absent):
                self.numbers[number] = NULL_BRANCH if branch is Absent.NULL else UNREADABLE_BRANCH
            else:
                self.numbers[number] = len(self.code)
                self._resolved(branch, column, index, (*path, name))
        self.code[here][3] = len(self.code)

    def _items(self, items: Items, column: Column | None, index: int, path: Path, optional: int) -> None:
        here = self._write(Code.MAP if items.of_map else Code.ARRAY, optional, index, path, items.width)
        child, below = (column.children[0], index + 1) if column else (None, _READ_OVER)
        self._resolved(items.entry, child, below, (*path, None))
        self.code[here][3] = len(self.code)

    def _value(self, value: Value, optional: int, index: int, path: Path) -> None:
        match value.type:
            case Decimal(precision, _, size):
                limbs = [10**precision >> 64 * limb & 2**64 - 1 for limb in range(4)]
                signed = [limb - 2**64 if limb >> 63 else limb for limb in limbs]
                a = self._numbers(*signed, longest_decimal(value.type))
                self._write(Code.DECIMAL, optional, index, path, a, -1 if size is None else size, value.type)
            case Fixed(size):
                self._write(Code.FIXED, optional, index, path, size)
            case Scalar(kind) if kind in _CODES:
                self._write(_CODES[kind], optional, index, path)
            case Scalar(kind):
                low, high, scale, _ = BOUNDS.get(kind, _LONG)
                self._write(Code.NUMBER, optional, index, path, self._numbers(low, high, scale), of=value.type)

    def _default(self, default: Default, column: Column | None, index: int, path: Path) -> None:
        here = self._write(Code.DEFAULT, 0, _READ_OVER, path, len(self.symbols) // 2)
        self._data(default.datum)
        self._resolved(default.value, column, index, path)
        self.code[here][3] = len(self.code)

    def _write(
        self,
        code: Code,
        optional: int,
        column: int,
        path: Path,
        a: int = 0,
        b: int = 0,
        of: Scalar | Decimal | None = None,
    ) -> int:
        here = len(self.code)
        self.code.append([code, optional, column, here + 1, a, b])
        self.places.append(Place(path, of))
        return here

    def _numbers(self, *numbers: int) -> int:
        here = len(self.numbers)
        self.numbers.extend(numbers)
        return here

    def _data(self, data: bytes) -> None:
        self.symbols.extend((len(self.texts), len(data)))
        self.texts += data


def null_byte(resolved: Resolved) -> int | None:
    """Return the byte with which null begins in a payload; None if the value is never null."""
    match resolved:
        case Nullable(null_first=null_first):
            return 0 if null_first else 2
        case Choice(branches) if Absent.NULL in branches:
            return 2 * branches.index(Absent.NULL)
        case _:
            return None


def _children(column: Column, index: int) -> Iterator[tuple[Column, int]]:
    """Yield the direct children of the column at *index*, each with its own index."""
    at = index + 1
    for child in column.children:
        yield child, at
        at += child.span
