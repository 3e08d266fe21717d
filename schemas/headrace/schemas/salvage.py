"""Reader of a datum with invalid values, so that the datum can be repaired; its result is never stored.

The strict decoder stops at a decimal with too many digits, a text that is not UTF-8, or an invalid date. But the
value's length is known, because it is in front of the value or fixed by the type. Such values are replaced, and the
rest is read as strictly as always.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from headrace.schemas.containers import NO_BRANCH
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import UndecodableError
from headrace.schemas.model import (
    Array,
    Decimal,
    Enumeration,
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
from headrace.schemas.union_readers import UNREADABLE
from headrace.schemas.varint import Malformed, read_length, read_long

MOST: Final = 100  # invalid values of one datum
_NO_UUID: Final = b"\x48" + b"00000000-0000-0000-0000-000000000000"
_TEXTS: Final = {Kind.STRING: b"\0", Kind.UUID: _NO_UUID, Kind.JSON: b"\x04{}"}


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A datum's values as the decoder reads them; the values at *wrong* (``items[2].price``) are replacements."""

    values: list[Any] = field(repr=False)
    wrong: tuple[str, ...]


def salvage(record: Record, data: bytes) -> Salvaged:
    """Read a datum of *record*, and replace values that are invalid but have a known end.

    Raises:
        UndecodableError: the end of an invalid value is not known; gives the place at which the decoder stops.
    """
    decode = compile_decoder(record, record)
    wrong: list[str] = []
    first: UndecodableError | None = None
    while True:
        try:
            return Salvaged(decode(data), tuple(wrong))
        except UndecodableError as error:
            first = first or error
            repaired = _with_replacement(record, data, error) if len(wrong) < MOST else None
            if repaired is None:
                raise first from None
            data = repaired
            wrong.append(error.path)


def _with_replacement(record: Record, data: bytes, error: UndecodableError) -> bytes | None:
    """Replace the value that *error* names by a valid one in *data*; None if that value's end is unknown."""
    if error.offset is None or not error.path or error.why in (NO_BRANCH, UNREADABLE):
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
    """Return the end of a value of *type_*, which may be invalid, and the bytes of a valid value."""
    match type_:
        case Decimal(size=int(size)):
            return start + size, bytes(size)
        case Decimal():
            length, position = read_length(data, start)
            return position + length, b"\x02\0"
        case Scalar(kind) if kind in _TEXTS:
            length, position = read_length(data, start)
            return position + length, _TEXTS[kind]
        case Scalar(Kind.BOOLEAN):
            return start + 1, b"\0"
        case Scalar(Kind.BYTES | Kind.FLOAT | Kind.DOUBLE):
            raise IndexError  # these are invalid only if the datum ends in them
        case Scalar() | Enumeration():
            return read_long(data, start)[1], b"\0"
        case Optional() | Union() | Recursive() | Record() | Array() | Map() | Fixed():
            raise IndexError
        case _:
            assert_never(type_)


def _type_at(record: Record, path: str) -> Type | None:
    """Return the type of the value at *path*; None for a key of a map."""
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
            case Union():
                branch = next((each for each in type_.branches if each.member == name), None)
                if branch is None:
                    return None
                type_ = branch.type
            case Record():
                found = next((f for f in type_.fields if f.name == name), None)
                if found is None:
                    return None
                type_ = found.type
            case _:
                return None
    return type_.item if isinstance(type_, Optional) else type_
