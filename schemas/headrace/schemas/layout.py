"""Arrow columns of a record as a tree: the memory layout of their values, for every decoder."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Final, assert_never

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
    bare,
)
from headrace.schemas.stored import item_type, stored, stored_type


class Layout(IntEnum):
    """Memory layout of a column's values; the same numbers are in ``native/columns/column.h``."""

    BITS = 0
    INT32 = 1
    INT64 = 2
    FLOAT32 = 3
    FLOAT64 = 4
    VARIABLE = 5
    DECIMAL128 = 6
    DECIMAL256 = 7
    STRUCT = 8
    LIST = 9


@dataclass(frozen=True, slots=True)
class Column:
    """One column; *children* are the fields of a struct, or the items of a list.

    The column of a record's field has its *name*, and its *default* as a checked value (MISSING: none). The items
    of an *unordered* list are the entries of a map.
    """

    layout: Layout
    nullable: bool
    children: tuple[Column, ...] = ()
    name: str = ""
    default: Any = field(default=MISSING, hash=False)
    unordered: bool = False

    @property
    def span(self) -> int:
        """Number of columns of this tree, with this one."""
        return 1 + sum(child.span for child in self.children)

    @property
    def width(self) -> int:
        """The most bytes that one value takes, without its text and without the items of lists."""
        own = _WIDTHS[self.layout] + self.nullable
        return own if self.layout is Layout.LIST else own + sum(child.width for child in self.children)


_WIDTHS: Final = {
    Layout.BITS: 1,
    Layout.INT32: 4,
    Layout.INT64: 8,
    Layout.FLOAT32: 4,
    Layout.FLOAT64: 8,
    Layout.VARIABLE: 4,
    Layout.DECIMAL128: 16,
    Layout.DECIMAL256: 32,
    Layout.STRUCT: 0,
    Layout.LIST: 4,
}
_SCALARS: Final = {
    Kind.BOOLEAN: Layout.BITS,
    Kind.INT: Layout.INT32,
    Kind.DATE: Layout.INT32,
    Kind.FLOAT: Layout.FLOAT32,
    Kind.DOUBLE: Layout.FLOAT64,
    Kind.STRING: Layout.VARIABLE,
    Kind.BYTES: Layout.VARIABLE,
    Kind.UUID: Layout.VARIABLE,
    Kind.JSON: Layout.VARIABLE,
}
_SHORTEST: Final = {Kind.FLOAT: 4, Kind.DOUBLE: 8, Kind.UUID: 37, Kind.JSON: 2}
_KEY: Final = Column(Layout.VARIABLE, nullable=False, name="key")


def columns_of(record: Record) -> Column:
    """Return all columns of a record, as one struct."""
    return column_of(stored(record))


def amplification(type_: Type) -> int:
    """Return the most bytes of columns for one byte of payload; an array of large records of nulls is the worst."""
    match type_:
        case Optional(item):
            return amplification(item)
        case Record(fields=fields):
            return max((amplification(field.type) for field in fields), default=0)
        case Array(items):
            return -(-column_of(item_type(items)).width // shortest(items)) + amplification(items)
        case Map(values):
            width = column_of(stored_type(type_)).children[0].width
            return -(-width // (1 + shortest(values))) + amplification(values)
        case Union(branches):
            return max(amplification(branch.type) for branch in branches)
        case Enumeration(symbols):
            return max(map(len, symbols))
        case Scalar() | Decimal() | Fixed() | Recursive():
            return 32
        case _:
            assert_never(type_)


def shortest_of(field: Field) -> int:
    """Return the fewest bytes of a field in a payload."""
    return shortest(field.type) + bool(field.single)


def shortest(type_: Type) -> int:
    """Return the fewest bytes of a value in a payload."""
    match type_:
        case Record():
            return sum(map(shortest_of, type_.written))
        case Fixed(size) | Decimal(size=int(size)):
            return size
        case Decimal():
            return 2
        case Scalar(kind):
            return _SHORTEST.get(kind, 1)
        case Union(branches, None):
            return 1 + min(shortest(branch.type) for branch in branches)
        case Optional() | Array() | Map() | Union() | Enumeration() | Recursive():
            return 1
        case _:
            assert_never(type_)


def column_of(type_: Type) -> Column:
    """Return the column of one stored type (:mod:`headrace.schemas.stored`), with the columns below it."""
    nullable = isinstance(type_, Optional)
    match bare(type_):
        case Record(fields=fields):
            return Column(Layout.STRUCT, nullable, tuple(map(_column_of_field, fields)))
        case Array(items):
            return Column(Layout.LIST, nullable, (column_of(items),))
        case Map(values):
            entry = Column(Layout.STRUCT, nullable=False, children=(_KEY, replace(column_of(values), name="value")))
            return Column(Layout.LIST, nullable, (entry,), unordered=True)
        case Enumeration() | Fixed():
            return Column(Layout.VARIABLE, nullable)
        case Decimal(numeric=True):
            return Column(Layout.DECIMAL128, nullable)
        case Decimal():
            return Column(Layout.DECIMAL256, nullable)
        case Scalar(kind):
            return Column(_SCALARS.get(kind, Layout.INT64), nullable)
        case Optional() | Union() | Recursive():
            raise TypeError("not a type of a column")


def _column_of_field(declared: Field) -> Column:
    return replace(column_of(declared.type), name=declared.name, default=declared.default)


def pack(column: Column) -> bytes:
    """Encode each column's layout, nullability and span as int32, for the compiled module."""
    numbers = array("i")
    for each in _walk(column):
        numbers.extend((each.layout, each.nullable, each.span))
    return numbers.tobytes()


def _walk(column: Column) -> Iterator[Column]:
    yield column
    for child in column.children:
        yield from _walk(child)
