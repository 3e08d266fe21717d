"""A contract's fields and types, as a small tree that the other modules walk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias

from headrace.schemas.classification import NotPersonal, Pii


class Kind(StrEnum):
    """Scalar types, with the logical types that need no parameter."""

    BOOLEAN = "boolean"
    INT = "int"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"
    BYTES = "bytes"
    UUID = "uuid"
    JSON = "json"
    DATE = "date"
    TIME_MILLIS = "time-millis"
    TIME_MICROS = "time-micros"
    TIMESTAMP_MILLIS = "timestamp-millis"
    TIMESTAMP_MICROS = "timestamp-micros"
    LOCAL_TIMESTAMP_MILLIS = "local-timestamp-millis"
    LOCAL_TIMESTAMP_MICROS = "local-timestamp-micros"


AVRO_TYPES: Final = {
    Kind.UUID: "string",
    Kind.JSON: "string",
    Kind.DATE: "int",
    Kind.TIME_MILLIS: "int",
    Kind.TIME_MICROS: "long",
    Kind.TIMESTAMP_MILLIS: "long",
    Kind.TIMESTAMP_MICROS: "long",
    Kind.LOCAL_TIMESTAMP_MILLIS: "long",
    Kind.LOCAL_TIMESTAMP_MICROS: "long",
}  # the types of kinds that are logical types
MAX_ITEMS: Final = 100_000  # of one array or map
MAX_COLUMN_BYTES: Final = 16_777_216  # of one datum's items in columns, where one byte of payload may become many
NUMBERS: Final = frozenset({Kind.INT, Kind.LONG, Kind.FLOAT, Kind.DOUBLE})
INSTANTS: Final = frozenset({Kind.TIMESTAMP_MILLIS, Kind.TIMESTAMP_MICROS})


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value of a :class:`Kind`."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Decimal:
    """An exact number; *size* is the number of bytes of a ``fixed``, None for ``bytes``."""

    precision: int
    scale: int
    size: int | None = None

    @property
    def numeric(self) -> bool:
        """Whether NUMERIC holds it: 29 digits before the point and 9 after it. BIGNUMERIC holds 38 and 38."""
        return self.scale <= 9 and self.precision - self.scale <= 29


@dataclass(frozen=True, slots=True)
class Fixed:
    """Exactly *size* bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class Enumeration:
    """One of *symbols*; a symbol of another version is read as its *default*. *name* is its full name."""

    symbols: tuple[str, ...]
    default: str | None = None
    name: str = dataclass_field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Array:
    """Any number of items, in order; *single* as in :class:`Field`, for each item."""

    items: Type
    single: str = ""


@dataclass(frozen=True, slots=True)
class Map:
    """Unique string keys, with values of one type; *single* as in :class:`Field`, for each value."""

    values: Type
    single: str = ""


@dataclass(frozen=True, slots=True)
class Optional:
    """A value or null; *null_first* is the order of the union's two branches.

    *branch* is the name of the other branch in Avro's JSON encoding.
    """

    item: Type
    null_first: bool = True
    branch: str = dataclass_field(default="", compare=False)

    def holding(self, item: Type) -> Optional:
        """Return the type with another one beside null."""
        return self if item is self.item else replace(self, item=item)


@dataclass(frozen=True, slots=True)
class Branch:
    """One type of a union: its *name* in Avro's JSON encoding, and the *member* of the union's column that holds it."""

    name: str
    member: str
    type: Type
    pii: Pii | NotPersonal | None = None

    @property
    def field(self) -> Field:
        """The member as a field."""
        return Field(self.member, self.type, pii=self.pii)


@dataclass(frozen=True, slots=True)
class Union:
    """A value of one of several types; *null* is the index of null among all types as written, None without it."""

    branches: tuple[Branch, ...]
    null: int | None = None

    @property
    def written(self) -> tuple[Branch | None, ...]:
        """The branches in the order of their indexes in a payload, with None for null."""
        return self.branches if self.null is None else (*self.branches[: self.null], None, *self.branches[self.null :])


@dataclass(frozen=True, slots=True)
class Record:
    """Named fields that have columns, in the order of the payload.

    *datum* is set on the outermost record if it is known where its datum begins: after *header* bytes, whatever the
    first bytes are. *unstored* are the fields that have no column, such as one of type null, each with the number of
    *fields* before it. *name* has no namespace. *doc* is its description, which has no column.
    """

    name: str
    fields: tuple[Field, ...]
    datum: bool = False
    header: int = 0
    unstored: tuple[tuple[int, Field], ...] = ()
    namespace: str = ""
    doc: str = dataclass_field(default="", compare=False)

    @property
    def written(self) -> Iterator[Field]:
        """Every field, in the order of the payload."""
        left = deque(self.unstored)
        for index, field in enumerate(self.fields):
            while left and left[0][0] <= index:
                yield left.popleft()[1]
            yield field
        yield from (field for _, field in left)

    @property
    def full_name(self) -> str:
        """Its name, after its namespace."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    @property
    def stored(self) -> bool:
        """Whether it has a column."""
        return bool(self.fields)


@dataclass(frozen=True, slots=True)
class Recursive:
    """A value of the record with the full *name*, which is around it; *records* has it as soon as it is parsed."""

    name: str
    records: list[Record] = dataclass_field(compare=False, repr=False)

    @property
    def record(self) -> Record:
        """The record that contains itself."""
        return self.records[0]


Type: TypeAlias = Scalar | Decimal | Fixed | Enumeration | Array | Map | Optional | Union | Record | Recursive


class Missing(Enum):
    """Marker of a field without a default. It is an enum, so that its identity survives pickling."""

    MISSING = "missing"


NOTHING: Final = Record("null", ())  # the type null: a value without bytes and without columns
MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    *name* is its name in payloads, and *renamed* that of its column if BigQuery cannot hold the name. *aliases* are its
    names in older versions. *default* is a value as :func:`headrace.schemas.validate.check` returns it. *pii* is
    ``None`` if the field has no classification. *single* is the name of its type in Avro's JSON encoding if the value
    is written as a union of this type alone. *is_null_column* adds a column that tells a null list or map from an empty
    one. *column_levels* is the number of levels of a record within itself that are columns and no JSON text.
    """

    name: str
    type: Type
    doc: str = ""
    default: Any = MISSING
    pii: Pii | NotPersonal | None = None
    aliases: tuple[str, ...] = ()
    single: str = ""
    renamed: str | None = None
    is_null_column: bool = False
    column_levels: int = 0

    @property
    def column(self) -> str:
        """The name of its column."""
        return self.renamed or self.name

    def typed(self, type_: Type) -> Field:
        """Return the field with another type."""
        return self if type_ is self.type else replace(self, type=type_)

    @property
    def optional(self) -> bool:
        """Whether null is a value of this field."""
        return is_nullable(self.type)

    @property
    def mask(self) -> Pii | None:
        """The mask of the field; None if it is not masked."""
        return self.pii if isinstance(self.pii, Pii) else None


def is_stored(type_: Type) -> bool:
    """Return whether a type has a column; null and records without fields have none."""
    found = bare(type_)
    return found.stored if isinstance(found, Record) else True


def is_nullable(type_: Type) -> bool:
    """Return whether null is a value of a type."""
    return isinstance(type_, Optional) or (isinstance(type_, Union) and type_.null is not None)


def bare(type_: Type) -> Type:
    """Return a type without its null."""
    return type_.item if isinstance(type_, Optional) else type_


def inner(type_: Type) -> Type:
    """Return the type of the innermost values, without nulls, arrays and maps."""
    match type_:
        case Optional(item=item) | Array(items=item) | Map(values=item):
            return inner(item)
        case _:
            return type_


def walk(record: Record, path: str = "") -> Iterator[tuple[str, Field]]:
    """Yield every field with its dotted path, outer fields first; the members of a union count as its fields."""
    for each in record.fields:
        here = f"{path}{each.name}"
        yield here, each
        yield from _walk_parts(each.type, here)


def _walk_parts(type_: Type, path: str) -> Iterator[tuple[str, Field]]:
    match inner(type_):
        case Record() as nested:
            yield from walk(nested, f"{path}.")
        case Union(branches):
            for branch in branches:
                here = f"{path}.{branch.member}"
                yield here, branch.field
                yield from _walk_parts(branch.type, here)
        case _:
            return
