"""Program by which the compiled module encodes an event; ``native/encoder/program.h`` describes the same tables."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from enum import IntEnum
from sys import intern
from typing import Any, Final, NamedTuple, TypeAlias, assert_never

from headrace.schemas.defaults import encode_value
from headrace.schemas.encode_tree import unstored_bytes
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
    is_stored,
)
from headrace.schemas.recursion import most_levels


class Code(IntEnum):
    """How a value is encoded. ``native/encoder/program.h`` has the same enum."""

    BOOLEAN = 0
    INT = 1
    LONG = 2
    FLOAT = 3
    DOUBLE = 4
    STRING = 5
    BYTES = 6
    UUID = 7
    JSON = 8
    DATE = 9
    TIME_MILLIS = 10
    TIME_MICROS = 11
    TIMESTAMP_MILLIS = 12
    TIMESTAMP_MICROS = 13
    LOCAL_TIMESTAMP_MILLIS = 14
    LOCAL_TIMESTAMP_MICROS = 15
    FIXED = 16
    ENUM = 17
    DECIMAL = 18
    RECORD = 19
    ARRAY = 20
    MAP = 21
    UNION = 22
    RECURSIVE = 23


class Class(IntEnum):
    """Classes of Python whose exact instances the module knows, as bits of a branch."""

    OF_BOOL = 0
    OF_INT = 1
    OF_FLOAT = 2
    OF_STR = 3
    OF_BYTES = 4
    OF_DATE = 5
    OF_TIME = 6
    OF_DATETIME = 7
    OF_DECIMAL = 8
    OF_UUID = 9
    OF_LIST = 10


MAX_KEPT: Final = 64  # values that one program keeps
MAX_PRECISION: Final = 76  # digits of a decimal; pure Python encodes longer ones
NONE: Final = -1
_NOT_OPTIONAL, _NULL_FIRST, _NULL_LAST = 0, 1, 2
_OP: Final = struct.Struct("=6i")
_STEP: Final = struct.Struct("=5i")
_BRANCH: Final = struct.Struct("=3i")
_NUMBERS: Final = frozenset({Class.OF_INT, Class.OF_FLOAT})
_CLASSES: Final = {
    Kind.BOOLEAN: {Class.OF_BOOL},
    Kind.INT: {Class.OF_INT},
    Kind.LONG: {Class.OF_INT},
    Kind.FLOAT: _NUMBERS,
    Kind.DOUBLE: _NUMBERS,
    Kind.STRING: {Class.OF_STR},
    Kind.JSON: {Class.OF_STR},
    Kind.UUID: {Class.OF_STR, Class.OF_UUID},
    Kind.BYTES: {Class.OF_BYTES},
    Kind.DATE: {Class.OF_DATE},
    Kind.TIME_MILLIS: {Class.OF_TIME},
    Kind.TIME_MICROS: {Class.OF_TIME},
    Kind.TIMESTAMP_MILLIS: {Class.OF_DATETIME},
    Kind.TIMESTAMP_MICROS: {Class.OF_DATETIME},
    Kind.LOCAL_TIMESTAMP_MILLIS: {Class.OF_DATETIME},
    Kind.LOCAL_TIMESTAMP_MICROS: {Class.OF_DATETIME},
}

Path: TypeAlias = tuple[str, ...]


class EventProgram(NamedTuple):
    """Tables for the compiled module, in the order of its arguments."""

    ops: bytes
    steps: bytes
    branches: bytes
    objects: tuple[Any, ...]
    names: tuple[str, ...]


def compile_program(record: Record, kept: Collection[Path] = ()) -> EventProgram:
    """Compile the program that encodes events of *record*, and keeps the values at the paths *kept*, in this order.

    A path leads through records only.
    """
    writer = _Writer({path: place for place, path in enumerate(kept)})
    writer.op(record, ())
    return EventProgram(
        b"".join(writer.ops),
        b"".join(writer.steps),
        b"".join(writer.branches),
        tuple(writer.objects),
        tuple(writer.names),
    )


class _Writer:
    def __init__(self, kept: dict[Path, int]) -> None:
        self.ops: list[bytes] = []
        self.steps: list[bytes] = []
        self.branches: list[bytes] = []
        self.objects: list[Any] = []
        self.names: list[str] = []
        self._kept = kept
        self._around = {path[:length] for path in kept for length in range(len(path))}
        self._shared: dict[tuple[int, int], int] = {}  # records that are named again, by their ids

    def op(self, type_: Type, path: Path | None, optional: int = _NOT_OPTIONAL) -> int:
        """Add the op of a type and all below it; returns its index. Without a *path* nothing below it is kept."""
        if isinstance(type_, Optional):
            return self.op(type_.item, path, _NULL_FIRST if type_.null_first else _NULL_LAST)
        shared = (id(type_), optional)
        if path is None and shared in self._shared:
            return self._shared[shared]
        here = len(self.ops)
        self.ops.append(b"")
        if path is None and isinstance(type_, Record):
            self._shared[shared] = here
        code, first, count, a, b = self._operands(type_, path)
        self.ops[here] = _OP.pack(code, optional, first, count, a, b)
        return here

    def _operands(self, type_: Type, path: Path | None) -> tuple[Code, int, int, int, int]:
        match type_:
            case Scalar(kind):
                return Code[kind.name], 0, 0, 0, 0
            case Fixed(size):
                return Code.FIXED, 0, 0, size, 0
            case Decimal(precision, scale, size):
                return Code.DECIMAL, NONE if size is None else size, 0, min(precision, MAX_PRECISION), scale
            case Enumeration(symbols):
                return Code.ENUM, 0, 0, self._numbers(symbols), 0
            case Array(item, single) | Map(item, single):
                code = Code.ARRAY if isinstance(type_, Array) else Code.MAP
                return code, 0, 0, self.op(item, None), bool(single)
            case Union():
                return self._union(type_)
            case Record():
                return self._record(type_, path)
            case Recursive():
                return Code.RECURSIVE, 0, 0, self.op(type_.record, None), most_levels(type_.record)
            case Optional():
                raise TypeError("an optional type within an optional type")
            case _:
                assert_never(type_)

    def _record(self, record: Record, path: Path | None) -> tuple[Code, int, int, int, int]:
        steps = [(field, *self._step(field, path)) for field in record.written]
        first, slot = len(self.steps), 0
        for field, op, constant, kept in steps:
            self.steps.append(_STEP.pack(op, constant, bool(field.single), kept, slot))
            self.names.append(intern(field.name))  # as the names in code are, so that they are the same object
            slot += op != NONE
        known = {field.name: number for number, (field, op, *_) in enumerate(steps) if op != NONE}
        return Code.RECORD, first, len(steps), self._object(known), slot

    def _step(self, field: Field, within: Path | None) -> tuple[int, int, int]:
        """Return a field's op, the index of the bytes without a value, and the place where its value is kept."""
        if not is_stored(field.type):
            return NONE, self._object(unstored_bytes(field)), NONE
        path = None if within is None else (*within, field.name)
        op = self.op(field.type, path if path in self._around else None)
        return op, self._default(field), NONE if path is None else self._kept.get(path, NONE)

    def _default(self, field: Field) -> int:
        if field.default is MISSING:
            return NONE
        return self._object(b"\x00" * bool(field.single) + encode_value(field.type, field.default))

    def _union(self, union: Union) -> tuple[Code, int, int, int, int]:
        indexes = {id(branch): index for index, branch in enumerate(union.written)}
        rows = [(self.op(each.type, None), indexes[id(each)], _classes_of(each.type)) for each in union.branches]
        first = len(self.branches)
        self.branches.extend(_BRANCH.pack(*row) for row in rows)
        names = self._numbers(branch.name for branch in union.branches)
        return Code.UNION, first, len(rows), names, NONE if union.null is None else union.null

    def _numbers(self, names: Iterable[str]) -> int:
        """Add the dict of the number of each name; of equal names the first one counts."""
        numbers: dict[str, int] = {}
        for number, name in enumerate(names):
            numbers.setdefault(name, number)
        return self._object(numbers)

    def _object(self, one: Any) -> int:
        self.objects.append(one)
        return len(self.objects) - 1


def _classes_of(type_: Type) -> int:
    """Return the bits of the classes whose values a branch may take if the value does not name its branch."""
    match type_:
        case Scalar(kind):
            found: Collection[Class] = _CLASSES[kind]
        case Decimal():
            found = {Class.OF_DECIMAL}
        case Fixed():
            found = {Class.OF_BYTES}
        case Enumeration():
            found = {Class.OF_STR}
        case Array():
            found = {Class.OF_LIST}
        case Map() | Record() | Recursive() | Optional() | Union():
            found = ()
        case _:
            assert_never(type_)
    return sum(1 << each for each in found)
