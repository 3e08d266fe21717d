"""A contract's fields and types, as a small tree that every other module walks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias


class Kind(StrEnum):
    """The scalar types, logical types among them, that need no parameter."""

    BOOLEAN = "boolean"
    INT = "int"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"
    BYTES = "bytes"
    UUID = "uuid"
    DATE = "date"
    TIME_MILLIS = "time-millis"
    TIME_MICROS = "time-micros"
    TIMESTAMP_MILLIS = "timestamp-millis"
    TIMESTAMP_MICROS = "timestamp-micros"
    LOCAL_TIMESTAMP_MILLIS = "local-timestamp-millis"
    LOCAL_TIMESTAMP_MICROS = "local-timestamp-micros"


MAX_ITEMS: Final = 100_000  # of one array or map
MAX_COLUMN_BYTES: Final = 16_777_216  # of one datum's items in columns: a byte on the wire may be many there
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
        """Whether NUMERIC holds it, 29 digits before the point and 9 after it; BIGNUMERIC holds 38 and 38."""
        return self.scale <= 9 and self.precision - self.scale <= 29


@dataclass(frozen=True, slots=True)
class Fixed:
    """Exactly *size* bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class Enumeration:
    """One of *symbols*; an unknown symbol of another version reads as *default*."""

    symbols: tuple[str, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Array:
    """Any number of items, in order."""

    items: Type


@dataclass(frozen=True, slots=True)
class Map:
    """String keys, each once, to values of one type."""

    values: Type


@dataclass(frozen=True, slots=True)
class Optional:
    """A value or null; *null_first* is the order of the union's two branches."""

    item: Type
    null_first: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """Named fields, in the order of the wire.

    *datum* is what the outermost record says of its payloads: they have no header, whatever they begin with.
    """

    name: str
    fields: tuple[Field, ...]
    datum: bool = False


Type: TypeAlias = Scalar | Decimal | Fixed | Enumeration | Array | Map | Optional | Record


class Mask(StrEnum):
    """What happens to a personal value before anything can store it."""

    REDACT = "redact"
    TOKENISE = "tokenise"
    PARTIAL = "partial"
    GENERALISE = "generalise"
    OMIT = "omit"


class Generalise(StrEnum):
    """What a value is generalised to."""

    MONTH = "month"
    YEAR = "year"
    NETWORK = "network"
    BUCKET = "bucket"


@dataclass(frozen=True, slots=True)
class Pii:
    """A field's classification: personal, of *kind*, and masked by *mask*.

    ``keep_first`` and ``keep_last`` are characters (partial); ``size`` is a bucket's width.
    """

    kind: str
    mask: Mask
    keep_first: int = 0
    keep_last: int = 0
    to: Generalise | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class NotPersonal:
    """The field says ``"pii": "none"``."""

    def __repr__(self) -> str:
        return "NOT_PERSONAL"


class Missing(Enum):
    """A field without a default: an enum, so that it is itself after pickling too."""

    MISSING = "missing"


NOT_PERSONAL: Final = NotPersonal()
MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record. *pii* is None where the field does not say."""

    name: str
    type: Type
    doc: str = ""
    default: Any = MISSING
    pii: Pii | NotPersonal | None = None

    @property
    def optional(self) -> bool:
        """Whether null is a value of this field."""
        return isinstance(self.type, Optional)

    @property
    def mask(self) -> Pii | None:
        """How the field is masked, or None when it is not."""
        return self.pii if isinstance(self.pii, Pii) else None


def bare(type_: Type) -> Type:
    """Take the null away from a type."""
    return type_.item if isinstance(type_, Optional) else type_


def inner(type_: Type) -> Type:
    """Take nulls, arrays and maps away from a type: what its innermost values are."""
    match type_:
        case Optional(item=item) | Array(items=item) | Map(values=item):
            return inner(item)
        case _:
            return type_


def walk(record: Record, path: str = "") -> Iterator[tuple[str, Field]]:
    """Yield every field with its dotted path, outer fields first."""
    for field in record.fields:
        here = f"{path}{field.name}"
        yield here, field
        nested = inner(field.type)
        if isinstance(nested, Record):
            yield from walk(nested, f"{here}.")
