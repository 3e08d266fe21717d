"""Strict readers of types that hold other values: unions with null, records, arrays and maps.

An error passes through the readers, and each adds its part of the path. So the final error names the innermost field
and the byte at which its value begins. Valid data has no cost from this.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from headrace.schemas.model import MAX_COLUMN_BYTES, MAX_ITEMS, Kind
from headrace.schemas.no_list import NO_LIST
from headrace.schemas.scalars import Read, scalar_reader
from headrace.schemas.varint import Malformed, read_length, read_long

NO_BRANCH: Final = "no branch of its union"
FAILURES: Final = (Malformed, IndexError, struct.error)  # the last two mean that the data ends


def placed(error: Exception, position: int, part: str = "") -> Malformed:
    """Return the error with *part* added to its path; for data that ends, an error at *position*."""
    failure = error if isinstance(error, Malformed) else Malformed("ends in the middle", position)
    if part:
        failure.path.insert(0, part)
    return failure


def joined(path: Sequence[str]) -> str:
    """Join the parts of a path.

    >>> joined(["items", "[2]", "price"])
    'items[2].price'
    """
    return "".join(part if part.startswith("[") else f".{part}" for part in path).removeprefix(".")


def optional_reader(read: Read, null_first: bool, nothing: Any = None) -> Read:
    """Return the reader of a value or null, which is read as *nothing*.

    Null is the first or the second branch of its union.
    """
    null, value = (0, 2) if null_first else (2, 0)  # zigzag of the branch's index

    def optional(data: bytes, position: int) -> tuple[Any, int]:
        branch = data[position]
        if branch == value:
            try:
                return read(data, position + 1)
            except FAILURES as error:
                raise placed(error, position + 1) from None
        if branch == null:
            return nothing, position + 1
        raise Malformed(NO_BRANCH, position)

    return optional


def single_reader(read: Read) -> Read:
    """Return the reader of a value that is written as a union of one type."""

    def single(data: bytes, position: int) -> tuple[Any, int]:
        if data[position]:
            raise Malformed(NO_BRANCH, position)
        try:
            return read(data, position + 1)
        except FAILURES as error:
            raise placed(error, position + 1) from None

    return single


def record_reader(
    steps: Sequence[tuple[str, str | None, Read]], defaults: Mapping[str, Any], is_null: Sequence[tuple[str, str]] = ()
) -> Read:
    """Return the reader of a record.

    *steps* are the fields as written: the name, the key of the value in the result or None if it is skipped, and the
    reader. *defaults* are the values of the other fields. *is_null* has the keys of lists, each with the key of the
    value that says whether it was null.
    """

    def record(data: bytes, position: int) -> tuple[Any, int]:
        fields = dict(defaults)
        name = ""
        try:
            for name, key, read in steps:  # noqa: B007 the error below uses the last name
                value, position = read(data, position)
                if key is not None:
                    fields[key] = value
        except FAILURES as error:
            raise placed(error, position, name) from None
        for name, says in is_null:
            fields[says] = fields[name] is NO_LIST
        return fields, position

    return record


class Room:
    """Bytes that the items of one datum may still take in columns."""

    left = MAX_COLUMN_BYTES

    def take(self, width: int, offset: int) -> None:
        """Subtract *width* from it; raises Malformed at *offset* if less is left."""
        self.left -= width
        if self.left < 0:
            raise Malformed(f"columns of more than {MAX_COLUMN_BYTES} bytes", offset)


def array_reader(read: Read, room: Room | None = None, width: int = 0) -> Read:
    """Return the reader of an array, which is written in blocks of items; each item takes *width* of *room*."""

    def array(data: bytes, position: int) -> tuple[Any, int]:
        items: list[Any] = []
        while True:
            start = position
            count, position, end = begin_block(data, position, len(items))
            if not count:
                return items, position
            if room:
                room.take(count * width, start)
            try:
                for _ in range(count):
                    item, position = read(data, position)
                    items.append(item)
            except FAILURES as error:
                raise placed(error, position, f"[{len(items)}]") from None
            if end >= 0 and position != end:
                raise Malformed("a block of another size than it says", position)

    return array


def map_reader(read: Read, room: Room | None = None, width: int = 0) -> Read:
    """Return the reader of a map as a list of ``{"key", "value"}``; raises Malformed if a key occurs twice.

    Each entry takes *width* bytes of *room*.
    """
    read_key = scalar_reader(Kind.STRING)

    def entry(data: bytes, position: int) -> tuple[Any, int]:
        try:
            key, position = read_key(data, position)
        except FAILURES as error:
            raise placed(error, position, "key") from None
        try:
            value, position = read(data, position)
        except FAILURES as error:
            raise placed(error, position, "value") from None
        return {"key": key, "value": value}, position

    read_entries = array_reader(entry, room, width)

    def map_(data: bytes, position: int) -> tuple[Any, int]:
        entries, after = read_entries(data, position)
        if len({entry["key"] for entry in entries}) != len(entries):
            _refuse_duplicate_key(entry, data, position)
        return entries, after

    return map_


def _refuse_duplicate_key(read: Read, data: bytes, start: int) -> None:
    """Read a map again to find the key that occurs twice, and raise Malformed for it."""
    seen = set()

    def entry(data: bytes, position: int) -> tuple[Any, int]:
        value, after = read(data, position)
        if value["key"] in seen:
            raise placed(Malformed("a key occurs twice", position), position, "key")
        seen.add(value["key"])
        return value, after

    array_reader(entry)(data, start)


def begin_block(data: bytes, position: int, seen: int) -> tuple[int, int, int]:
    """Read the header of a block.

    Returns:
        The number of items, the position of the first item, and the position at which the block must end, or -1 if the
        block does not give its size.
    """
    start = position
    try:
        count, position = read_long(data, position)
        end = -1
        if count < 0:
            size, position = read_length(data, position)
            count, end = -count, position + size
    except IndexError:
        raise Malformed("ends in the middle", start) from None
    if seen + count > MAX_ITEMS:
        raise Malformed(f"more than {MAX_ITEMS} items", start)
    if count > len(data) - position:  # every item takes at least one byte: the lint refuses empty items
        raise Malformed("more items than bytes", start)
    return count, position, end
