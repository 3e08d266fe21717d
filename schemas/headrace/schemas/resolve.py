"""Avro's rules by which a newer version reads an older version's events, applied once, before any datum is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from headrace.schemas.defaults import default_datum, width_beyond
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import Faults
from headrace.schemas.layout import column_of
from headrace.schemas.match_fields import column_places, matched_fields
from headrace.schemas.model import (
    NOTHING,
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
from headrace.schemas.recursion import Subtree
from headrace.schemas.resolve_unions import Absent, Choice, Member, into_union, of_union
from headrace.schemas.stored import stored, stored_type, wrapper_of


@dataclass(frozen=True, slots=True)
class Value:
    """One value as it was written; it is read as the kind *into*."""

    type: Scalar | Decimal | Fixed
    into: Kind | None = None


@dataclass(frozen=True, slots=True)
class Symbols:
    """An enum: the reader's symbol for each symbol of the writer, in the writer's order."""

    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value or null; *null_first* is the order of the branches as written."""

    item: Resolved
    null_first: bool


@dataclass(frozen=True, slots=True)
class Only:
    """A value that is written as a union of one type."""

    item: Resolved


@dataclass(frozen=True, slots=True)
class Default:
    """A value that is not written: the bytes of a default, and how they are read.

    *width* are the bytes that it takes in columns beyond the fixed width of its type.
    """

    datum: bytes
    value: Resolved
    width: int


@dataclass(frozen=True, slots=True)
class Items:
    """The items of an array, or the values of a map.

    Each item takes at most *width* bytes in columns, without the items of its own lists and the text in the payload.
    """

    item: Resolved
    of_map: bool
    width: int

    @property
    def entry(self) -> Resolved:
        """The repeated element: an item, or for a map a record of key and value."""
        if not self.of_map:
            return self.item
        key = Value(Scalar(Kind.STRING), Kind.STRING)
        targets = (Target("key", "key"), Target("value", "value"))
        return Fields((Step("key", 0, key), Step("value", 1, self.item)), (), targets)


@dataclass(frozen=True, slots=True)
class Step:
    """One field as written: *place* is its index among the reader's columns, -1 if it is skipped."""

    name: str
    place: int
    value: Resolved


@dataclass(frozen=True, slots=True)
class Target:
    """A field of the reader: its name there, and its column."""

    name: str
    column: str


@dataclass(frozen=True, slots=True)
class Fields:
    """A record: the writer's fields in order, and by place, the defaults of fields that the writer lacks.

    *names* are those of the reader's columns. *is_null_places* has the place of each list with a column that says
    whether it was null; that column comes next.
    """

    steps: tuple[Step, ...]
    defaults: tuple[tuple[int, Default], ...]
    targets: tuple[Target, ...]
    is_null_places: tuple[int, ...] = ()


Resolved: TypeAlias = Value | Symbols | Nullable | Only | Items | Fields | Choice | Member | Subtree

PROMOTED: Final = {
    (Kind.INT, Kind.LONG),
    (Kind.INT, Kind.FLOAT),
    (Kind.INT, Kind.DOUBLE),
    (Kind.LONG, Kind.FLOAT),
    (Kind.LONG, Kind.DOUBLE),
    (Kind.FLOAT, Kind.DOUBLE),
}


def resolve_record(writer: Record, reader: Record, path: str = "", kept: bool = True) -> Fields:
    """Match the fields of *writer* with the fields of *reader*, by name or by an alias of the reader's field.

    *path* ends with a point. *kept* is false for a record that is skipped: none of its fields is kept.

    Raises:
        ContractError: *reader* cannot read events of *writer*.
    """
    found = matched_fields(writer, reader, path)
    columns = list(column_places(reader))
    steps: list[Step] = []
    nulls, faults = set(), Faults()
    written = {columns[place] for place in found.values()}
    for field in writer.written:
        place, where = found.get(field.name, -1), f"{path}{field.name}"
        if place >= 0 and field.type == NOTHING and reader.fields[place].optional:
            nulls.add(place)
            written.discard(columns[place])
            place = -1
        into = reader.fields[place].type if place >= 0 else field.type
        with faults.gathered():
            value = resolve(field.type, into, where, kept and place >= 0)
            steps.append(Step(field.name, columns[place] if place >= 0 else -1, Only(value) if field.single else value))
    defaults: list[tuple[int, Default]] = []
    for place, column in enumerate(columns) if kept else ():
        if column not in written:
            with faults.gathered():
                defaults.append((column, _default(reader.fields[place], path, place in nulls)))
    faults.raise_all()
    targets = tuple(Target(each.name, each.column) for each in stored(reader).fields)
    is_null = [column for column, field in zip(columns, reader.fields, strict=True) if field.is_null_column]
    return Fields(tuple(steps), tuple(defaults), targets, tuple(is_null))


def _default(field: Field, path: str, is_null: bool) -> Default:
    """Return the default of a field; null for one that was written as a field of type null."""
    field = replace(field, default=None) if is_null else field
    where = f"{path}{field.name}"
    datum = default_datum(field, where)
    return Default(datum, resolve(field.type, field.type, where), width_beyond(field.type, field.default))


def resolve(writer: Type, reader: Type, path: str, kept: bool = True) -> Resolved:
    """Return how a value of *writer* is read as a value of *reader*; raises ContractError if that is impossible."""
    match writer, reader:
        case Union(), _:
            return of_union(writer, reader, path, lambda one, other, at: resolve(one, other, at, kept))
        case _, Union():
            return into_union(writer, reader, path, lambda one, other, at: resolve(one, other, at, kept))
        case Optional(), Optional():
            return Nullable(resolve(writer.item, reader.item, path, kept), writer.null_first)
        case _, Optional():
            return resolve(writer, reader.item, path, kept)
        case Recursive(), Recursive():
            return Subtree(writer, reader)
        case Record(), Recursive():  # a level that is a column in the older version only
            return Subtree(Recursive(writer.full_name, [writer]), reader)
        case Recursive(), Record():
            return resolve_record(writer.record, reader, f"{path}.", kept)
        case Record(), Record():
            return resolve_record(writer, reader, f"{path}.", kept)
        case Array(), Array():
            item = _wrapped(reader.items, _item(resolve(writer.items, reader.items, path, kept), writer))
            return Items(item, False, _width(reader, item) if kept else 0)
        case Map(), Map():
            item = _item(resolve(writer.values, reader.values, path, kept), writer)
            return Items(item, True, _width(reader, item) if kept else 0)
        case Enumeration(), Enumeration():
            return _symbols(writer, reader, path)
        case Decimal(), Decimal() if (writer.precision, writer.scale) == (reader.precision, reader.scale):
            return Value(writer)
        case Fixed(), Fixed() if writer == reader:
            return Value(writer)
        case Scalar(kind), Scalar(into) if kind is into or (kind, into) in PROMOTED:
            return Value(writer, into)
        case _:
            raise ContractError(
                path,
                f"{named_type(writer)} cannot be read as {named_type(reader)}",
                "keep the type, and add a new field with a default instead",
            )


def _item(item: Resolved, writer: Array | Map) -> Resolved:
    return Only(item) if writer.single else item


def _wrapped(items: Type, item: Resolved) -> Resolved:
    name = wrapper_of(items)
    return item if name is None else Member(0, item, (name,), (None,))


def named_type(type_: Type) -> str:
    """Return a type as people name it, such as ``decimal(10, 2)``."""
    match type_:
        case Scalar(kind):
            return str(kind)
        case Decimal(precision, scale, size):
            return f"decimal({precision}, {scale})" + ("" if size is None else f" in {size} bytes")
        case Fixed(size):
            return f"fixed({size})"
        case Optional(item):
            return f"optional {named_type(item)}"
        case Enumeration():
            return "enum"
        case Array():
            return "array"
        case Map():
            return "map"
        case Record():
            return "record" if type_ != NOTHING else "null"
        case Recursive():
            return "record"
        case Union(branches):
            return f"a union of {', '.join(branch.name for branch in branches)}"
        case _:
            assert_never(type_)


def _symbols(writer: Enumeration, reader: Enumeration, path: str) -> Symbols:
    symbols = [symbol if symbol in reader.symbols else reader.default for symbol in writer.symbols]
    known = tuple(symbol for symbol in symbols if symbol is not None)
    if len(known) != len(symbols):
        gone = next(each for each in writer.symbols if each not in reader.symbols)
        raise ContractError(path, f"symbol {gone} is gone", "keep it, or give the enum a default")
    return Symbols(known)


def _width(reader: Array | Map, item: Resolved) -> int:
    return column_of(stored_type(reader)).children[0].width + _text(item)


def _text(resolved: Resolved) -> int:
    """Return the most bytes of text that a value has in columns beyond those in its payload."""
    match resolved:
        case Nullable(item) | Only(item) | Member(value=item):
            return _text(item)
        case Choice(branches):
            return max(0, *(_text(each) for each in branches if not isinstance(each, Absent)), 0)
        case Symbols(symbols):
            return max(map(len, symbols))
        case Fields(steps, defaults):
            return sum(default.width for _, default in defaults) + sum(
                _text(step.value) for step in steps if step.place >= 0
            )
        case _:
            return 0
