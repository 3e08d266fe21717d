"""Content of an event: the words of 64 bits whose hash is equal if two payloads have the same decoded value.

``docs/adr/0024-content-is-compared-by-value.md`` has the rule, and the reasons for it. Both decoders follow it: the
compiled module (``native/columns/content.c``) and the pure-Python fallback (``headrace.steps.decode.content_hashes``).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from hashlib import blake2b
from typing import Any, Final, NamedTuple, assert_never

from headrace.schemas.envelope import EPOCH, to_micros
from headrace.schemas.layout import Column, Layout
from headrace.schemas.model import MISSING

RULE: Final = 2  # rule 1 was a hash of the payload's bytes
WORD: Final = 8  # bytes
_END: Final = bytes(WORD)  # the word after the last field of a record
_NUMBER_BITS: Final = 24  # of a head, below those of a field's name
_WITHOUT_HEAD: Final = {
    Layout.BITS, Layout.INT32, Layout.INT64, Layout.FLOAT32, Layout.FLOAT64, Layout.STRUCT,
}  # fmt: skip
_NAN: Final = struct.pack("<Q", 0x7FF8_0000_0000_0000)
_MEMBER: Final = struct.Struct("=Qiiii")


class Content(NamedTuple):
    """The words of one value: the *number* in its head, and the *body* after it."""

    number: int
    body: bytes

    def field(self, name: int) -> bytes:
        """Return the words of a field; *name* is the word of its name."""
        return struct.pack("<Q", name + 1 + self.number) + self.body

    def item(self, column: Column) -> bytes:
        """Return the words of an item of a list: without a head if the type alone says what follows."""
        return self.body if column.layout in _WITHOUT_HEAD else self.field(0)


class Member(NamedTuple):
    """One field of a record: its place among the record's children, and the word of its name.

    The field is left out where its value is *absent*: its default, or null.
    """

    place: int
    name: int
    absent: Content | None


class ContentPlan(NamedTuple):
    """Tables for the compiled module, which ``native/columns/content.h`` describes."""

    nodes: bytes
    members: bytes
    absent: bytes


def members_of(column: Column) -> list[Member]:
    """Return the fields of a record in the order of their names, in which a hash takes them."""
    named = [(child.name or f"[{place}]", place, child) for place, child in enumerate(column.children)]
    ordered = sorted(named, key=lambda each: each[0].encode())
    return [Member(place, name_word(name), _absent(child)) for name, place, child in ordered]


def name_word(name: str) -> int:
    """Return the word of a field's name: 40 bits of a hash, above those of the number that is added to them."""
    hashed = int.from_bytes(blake2b(name.encode(), digest_size=WORD).digest(), "little")
    return hashed >> _NUMBER_BITS << _NUMBER_BITS


def content_plan(columns: Column) -> ContentPlan:
    """Return the tables for *columns*, the columns of a record."""
    nodes, members, absent = array("i"), bytearray(), bytearray()
    for column in _walk(columns):
        own = members_of(column) if column.layout is Layout.STRUCT else []
        nodes.extend((len(members) // _MEMBER.size, len(own), column.unordered))
        starts = _starts(column)
        for each in own:
            words = each.absent.field(0) if each.absent else b""
            members += _MEMBER.pack(each.name, starts[each.place], len(absent) // WORD, len(words) // WORD, 0)
            absent += words
    return ContentPlan(nodes.tobytes(), bytes(members), bytes(absent))


def _walk(column: Column) -> Iterator[Column]:
    """Yield a column and all below it, in the order in which they are numbered."""
    yield column
    for child in column.children:
        yield from _walk(child)


def _starts(column: Column) -> list[int]:
    """Return the number of each child, counted from its parent."""
    starts, at = [], 1
    for child in column.children:
        starts.append(at)
        at += child.span
    return starts


def _absent(column: Column) -> Content | None:
    default = column.default
    if default is None and column.layout is Layout.LIST and not column.nullable:
        default = []  # a list that cannot be null is empty instead
    return None if default is MISSING else content_of(column, default)


def content_of(column: Column, value: Any) -> Content | None:
    """Return the content of one value of *column*, given as Python has it; None for null."""
    if value is None:
        return None
    match column.layout:
        case Layout.BITS | Layout.INT32 | Layout.INT64:
            return of_whole(_number_of(value))
        case Layout.FLOAT32 | Layout.FLOAT64:
            return of_float(value)
        case Layout.VARIABLE:
            return of_text(value if isinstance(value, bytes) else str(value).encode())
        case Layout.DECIMAL128 | Layout.DECIMAL256:
            return of_decimal(int(f"{value:f}".replace(".", "")))
        case Layout.LIST:
            entries = isinstance(value, dict)
            items = [{"key": key, "value": each} for key, each in value.items()] if entries else value
            return of_list(column, [content_of(column.children[0], item) for item in items])
        case Layout.STRUCT:
            given = [value.get(each.name, _default_of(each)) for each in column.children]
            return of_record(members_of(column), [*map(content_of, column.children, given)])
        case _:
            assert_never(column.layout)


def _number_of(value: Any) -> int:
    """Return a whole number, or a time as the number that its column has."""
    match value:
        case datetime():
            return to_micros(value if value.tzinfo else value.replace(tzinfo=UTC))
        case time():
            return to_micros(datetime.combine(EPOCH.date(), value, UTC))
        case date():
            return value.toordinal() - EPOCH.toordinal()
        case _:
            return int(value)


def _default_of(column: Column) -> Any:
    return None if column.default is MISSING else column.default


def of_whole(value: int) -> Content:
    """Return the content of a whole number, a boolean or a time: 64 bits in two's complement."""
    return Content(0, struct.pack("<q", value))


def of_float(value: float) -> Content:
    """Return the content of a double: its bits, with one NaN and one zero."""
    return Content(0, struct.pack("<d", value + 0.0) if value == value else _NAN)


def of_text(text: bytes) -> Content:
    """Return the content of a text or of bytes: the number is the length, and zeros fill the last word."""
    return Content(len(text), text + bytes(-len(text) % WORD))


def of_decimal(unscaled: int) -> Content:
    """Return the content of a decimal: its unscaled value in two's complement, in as few words as it needs."""
    needed = (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 64 + 1
    return Content(needed, unscaled.to_bytes(WORD * needed, "little", signed=True))


def of_list(column: Column, items: Sequence[Content | None]) -> Content:
    """Return the content of a list: the number is twice its length, plus one if an item is null.

    Then a word before each item says whether it is there. The entries of a map are in the order of the bytes of their
    keys; a key comes before a longer one that begins with it.
    """
    has_nulls, items_column = None in items, column.children[0]
    bodies = [None if item is None else item.item(items_column) for item in items]
    if column.unordered:
        bodies.sort(key=lambda entry: _key_of(entry or b""))
    if has_nulls:
        bodies = [struct.pack("<Q", body is not None) + (body or b"") for body in bodies]
    return Content(2 * len(items) + has_nulls, b"".join(body or b"" for body in bodies))


def _key_of(entry: bytes) -> bytes:
    """Return the key in the words of a map's entry, in which it is the first field."""
    (head,) = struct.unpack_from("<Q", entry)
    return entry[WORD : WORD + (head & (1 << _NUMBER_BITS) - 1) - 1]


def of_record(members: Sequence[Member], children: Sequence[Content | None]) -> Content:
    """Return the content of a record from that of its *children*: a head with the field's name and its value each.

    A null that is not the default is the name alone.
    """
    pieces = []
    for each in members:
        value = children[each.place]
        if value != each.absent:
            pieces.append(struct.pack("<Q", each.name) if value is None else value.field(each.name))
    return Content(0, b"".join([*pieces, _END]))
