"""Content of an event: the words of 64 bits whose hash is equal if two payloads have the same decoded value.

``docs/adr/0021-content-is-compared-by-value.md`` has the rule, and the reasons for it. Both decoders follow it: the
compiled module (``native/columns/content.c``) and the pure-Python fallback (``headrace.steps.decode.content_hashes``).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from headrace.schemas.layout import Column, Layout
from headrace.schemas.model import MISSING

RULE: Final = 2  # rule 1 was a hash of the payload's bytes
WORD: Final = 8  # bytes
END: Final = bytes(WORD)  # the word after the last field of a record
_NULL: Final = 1  # is added to the word of a field's name if the field is null and its default is not
_NAN: Final = struct.pack("<Q", 0x7FF8_0000_0000_0000)


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a record: its column among the record's *children*, and the word of its name.

    The field is left out where its value has the words *absent*: those of its default, or none for null.
    """

    child: int
    name: int
    absent: bytes


class ContentPlan(NamedTuple):
    """Tables for the compiled module, which ``native/columns/content.h`` describes."""

    nodes: bytes
    members: bytes
    absent: bytes


def members_of(column: Column) -> list[Member]:
    """Return the fields of a record in the order of their names, in which a hash takes them."""
    named = [(child.name or f"[{place}]", place, child) for place, child in enumerate(column.children)]
    return [Member(place, name_word(name), _absent(child)) for name, place, child in sorted(named, key=_by_name)]


def name_word(name: str) -> int:
    """Return the word of a field's name: an even number, and not that of :data:`END`."""
    return int.from_bytes(blake2b(name.encode(), digest_size=WORD).digest(), "little") & ~_NULL | 2


def content_plan(columns: Column) -> ContentPlan:
    """Return the tables for *columns*, the columns of a record."""
    nodes, members, absent = array("i"), bytearray(), bytearray()
    for column in walk_columns(columns):
        own = members_of(column) if column.layout is Layout.STRUCT else []
        nodes.extend((len(members) // _MEMBER.size, len(own), column.unordered))
        starts = _starts(column)
        for each in own:
            words = len(each.absent) // WORD
            members += _MEMBER.pack(each.name, starts[each.child], len(absent) // WORD, words, 0)
            absent += each.absent
    return ContentPlan(nodes.tobytes(), bytes(members), bytes(absent))


_MEMBER: Final = struct.Struct("=Qiiii")


def walk_columns(column: Column) -> Iterator[Column]:
    """Yield a column and all below it, in the order in which they are numbered."""
    yield column
    for child in column.children:
        yield from walk_columns(child)


def _starts(column: Column) -> list[int]:
    """Return the number of each child, counted from its parent."""
    starts, at = [], 1
    for child in column.children:
        starts.append(at)
        at += child.span
    return starts


def _by_name(named: tuple[str, int, Column]) -> bytes:
    return named[0].encode()


def _absent(column: Column) -> bytes:
    default = column.default
    if default is None and column.layout is Layout.LIST and not column.nullable:
        default = []  # a list that cannot be null is empty instead
    return b"" if default is MISSING or default is None else value_words(column, default)


def value_words(column: Column, value: Any) -> bytes:
    """Return the words of one value of *column*, given as Python has it; it is not null.

    Raises:
        TypeError: a value of another type.
    """
    match column.layout, value:
        case ((Layout.BITS | Layout.INT32 | Layout.INT64), int()):
            return whole_words(value)
        case ((Layout.FLOAT32 | Layout.FLOAT64), float() | int()):
            return float_words(value)
        case Layout.VARIABLE, str() | bytes():
            return text_words(value.encode() if isinstance(value, str) else value)
        case ((Layout.DECIMAL128 | Layout.DECIMAL256), int()):
            return decimal_words(value)
        case ((Layout.DECIMAL128 | Layout.DECIMAL256), Decimal()):
            return decimal_words(int(f"{value:f}".replace(".", "")))
        case Layout.LIST, dict():
            return value_words(column, [{"key": key, "value": each} for key, each in value.items()])
        case Layout.LIST, list():
            return list_words(column, [_item_words(column.children[0], item) for item in value])
        case Layout.STRUCT, dict():
            return record_words(
                members_of(column), [_item_words(each, value.get(each.name)) for each in column.children]
            )
        case _:
            raise TypeError(f"a {type(value).__name__} in a column of layout {column.layout.name}")


def _item_words(column: Column, value: Any) -> bytes | None:
    return None if value is None else value_words(column, value)


def whole_words(value: int) -> bytes:
    """Return the word of a whole number, a boolean or a time: 64 bits in two's complement."""
    return struct.pack("<q", value)


def float_words(value: float) -> bytes:
    """Return the word of a double: its bits, with one NaN and one zero."""
    if value != value:
        return _NAN
    return struct.pack("<d", value + 0.0)


def text_words(text: bytes) -> bytes:
    """Return the words of a text or of bytes: the length, then the bytes, padded with zeros."""
    return struct.pack("<Q", len(text)) + text + bytes(-len(text) % WORD)


def decimal_words(unscaled: int) -> bytes:
    """Return the words of a decimal: how many words its unscaled value needs in two's complement, then those."""
    needed = (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 64 + 1
    return struct.pack("<Q", needed) + unscaled.to_bytes(WORD * needed, "little", signed=True)


def list_words(column: Column, items: Sequence[bytes | None]) -> bytes:
    """Return the words of a list: twice its length, plus one if an item is null; then the items.

    If one is null, a word before each item tells whether it is there. The entries of a map are in the order of their
    keys: of their bytes, a shorter key before a longer one that begins with it.
    """
    has_nulls = None in items
    if column.unordered:
        items = sorted(items, key=lambda entry: _key_of(entry or b""))
    pieces = [struct.pack("<Q", 2 * len(items) + has_nulls)]
    for item in items:
        if has_nulls:
            pieces.append(struct.pack("<Q", item is not None))
        pieces.append(item or b"")
    return b"".join(pieces)


def _key_of(entry: bytes) -> bytes:
    """Return the key of the words of a map's entry: the first field's text."""
    (length,) = struct.unpack_from("<Q", entry, WORD)
    return entry[2 * WORD : 2 * WORD + length]


def record_words(members: Sequence[Member], children: Sequence[bytes | None]) -> bytes:
    """Return the words of a record from those of its *children*: of each of its *members* its name and its value."""
    pieces = []
    for each in members:
        value = children[each.child]
        if (value or b"") == each.absent:
            continue
        pieces += [struct.pack("<Q", each.name | (value is None)), value or b""]
    return b"".join([*pieces, END])
