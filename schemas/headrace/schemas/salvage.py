"""Reading past values that are wrong where it is plain how long they are: to mend a datum, never to store it.

A decimal of too many digits, a text that is not UTF-8, a date that is none: the strict decoder stops there, and yet the
value's length stands before it, or is its type's. It is put aside, and the rest is read as strictly as ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from headrace.schemas.containers import NO_BRANCH
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import UndecodableError
from headrace.schemas.model import Array, Decimal, Enumeration, Kind, Map, Optional, Record, Scalar, Type
from headrace.schemas.varint import Malformed, read_length, read_long

MOST: Final = 100  # wrong values of one datum
_NO_UUID: Final = b"\x48" + b"00000000-0000-0000-0000-000000000000"
_TEXTS: Final = {Kind.STRING: b"\0", Kind.UUID: _NO_UUID}


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What a datum holds, as the decoder reads it; the values at *wrong* (``items[2].price``) are not the datum's."""

    values: list[Any] = field(repr=False)
    wrong: tuple[str, ...]


def salvage(record: Record, data: bytes) -> Salvaged:
    """Read a datum of *record*, and put aside values that are wrong but end where they should.

    Raises:
        UndecodableError: what is wrong shifts all that follows, or nobody can tell; says where the datum itself stops.
    """
    decode = compile_decoder(record, record)
    wrong: list[str] = []
    first: UndecodableError | None = None
    while True:
        try:
            return Salvaged(decode(data), tuple(wrong))
        except UndecodableError as error:
            first = first or error
            mended = _without(record, data, error) if len(wrong) < MOST else None
            if mended is None:
                raise first from None
            data = mended
            wrong.append(error.path)


def _without(record: Record, data: bytes, error: UndecodableError) -> bytes | None:
    """*data* with another value in the place of the one that *error* names; None when its end is not plain."""
    if error.offset is None or not error.path or error.why == NO_BRANCH:
        return None
    found = _type_at(record, error.path)
    if found is None:
        return None
    try:
        end, instead = _extent(found, data, error.offset)
    except (Malformed, IndexError):
        return None
    return data[: error.offset] + instead + data[end:] if end <= len(data) else None


def _extent(type_: Type, data: bytes, start: int) -> tuple[int, bytes]:
    """Where a value of *type_* ends, right or wrong, and the bytes of one that is right."""
    match type_:
        case Decimal(size=None):
            length, position = read_length(data, start)
            return position + length, b"\x02\0"
        case Decimal(size=int(size)):
            return start + size, bytes(size)
        case Scalar(kind) if kind in _TEXTS:
            length, position = read_length(data, start)
            return position + length, _TEXTS[kind]
        case Scalar(Kind.BOOLEAN):
            return start + 1, b"\0"
        case Scalar(Kind.BYTES | Kind.FLOAT | Kind.DOUBLE):
            raise IndexError  # these are wrong only when the datum ends in them
        case Scalar() | Enumeration():
            return read_long(data, start)[1], b"\0"
        case _:
            raise IndexError


def _type_at(record: Record, path: str) -> Type | None:
    """The type of the value at *path*; None for a key of a map, which has nothing but its name to be known by."""
    type_: Type = record
    for name in path.replace("[", ".[").split("."):
        while isinstance(type_, Optional):
            type_ = type_.item
        match type_:
            case Array() if name.startswith("["):
                type_ = type_.items
            case Map() if name == "value":
                type_ = type_.values
            case Map() if name.startswith("["):
                continue
            case Record():
                found = next((f for f in type_.fields if f.name == name), None)
                if found is None:
                    return None
                type_ = found.type
            case _:
                return None
    return type_.item if isinstance(type_, Optional) else type_
