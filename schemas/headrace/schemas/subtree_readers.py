"""Strict readers of a record within itself, whose value becomes one JSON text; its depth and its size are bounded.

The compiled module calls them too, so that both decoders read such values alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from headrace.schemas.containers import FAILURES, Room, placed
from headrace.schemas.model import MAX_COLUMN_BYTES
from headrace.schemas.recursion import Subtree, most_levels
from headrace.schemas.resolve import (
    Default,
    Fields,
    Items,
    Nullable,
    Only,
    Resolved,
    Symbols,
    Value,
    resolve_record,
)
from headrace.schemas.resolve_unions import Absent, Choice, Member
from headrace.schemas.scalars import Read
from headrace.schemas.to_json import record_to_json
from headrace.schemas.varint import Malformed

_LEAF: Final = 82  # characters of the longest number or time, with quotation marks
_MARKS: Final = 4  # quotation marks, colon and comma around a name
_ESCAPE: Final = 6


@dataclass(slots=True)
class Nest:
    """State of the readers within one JSON text: its bytes, its level, and the reader of each pair of records."""

    room: Room = field(default_factory=Room)
    level: int = 0
    readers: dict[tuple[str, str], Read] = field(default_factory=dict)


Compile: TypeAlias = Callable[[Subtree, Nest], Read]


def text_reader(subtree: Subtree, room: Room | None, compile_: Compile) -> Read:
    """Return the reader of a value as a JSON text, which takes its length of *room*."""
    nest = Nest()
    read = nested_reader(subtree, nest, compile_)
    record = subtree.reader.record

    def text(data: bytes, position: int) -> tuple[str, int]:
        nest.room.left, nest.level = MAX_COLUMN_BYTES, 0
        value, end = read(data, position)
        written = json.dumps(record_to_json(record, value), ensure_ascii=False, separators=(",", ":"))
        if room:
            room.take(len(written.encode()), position)
        return written, end

    return text


def nested_reader(subtree: Subtree, nest: Nest, compile_: Compile) -> Read:
    """Return the reader of a value within a JSON text; it is compiled when the first value comes."""
    names = (subtree.writer.name, subtree.reader.name)
    limit = most_levels(subtree.writer.record)

    def nested(data: bytes, position: int) -> tuple[Any, int]:
        if nest.level == limit:
            raise Malformed(f"{names[0]} within itself more than {limit} times", position)
        read = nest.readers.get(names)
        if read is None:
            read = nest.readers[names] = compile_(subtree, nest)
        nest.level += 1
        try:
            found = read(data, position)
        except FAILURES as error:
            raise placed(error, position) from None
        nest.level -= 1
        return found

    return nested


def charged(read: Read, resolved: Fields, room: Room) -> Read:
    """Return a reader that takes the most characters of a record in JSON, without its texts and lists, of *room*."""
    cost = text_cost(resolved)

    def record(data: bytes, position: int) -> tuple[Any, int]:
        room.take(cost, position)
        return read(data, position)

    return record


def item_cost(item: Resolved) -> int:
    """Return the cost of an item of a list, so that a list is refused before its items are read."""
    match item:
        case Nullable(inside) | Only(inside) | Member(value=inside):
            return item_cost(inside)
        case Subtree(writer, reader):
            return text_cost(resolve_record(writer.record, reader.record))
        case _:
            return text_cost(item)


def text_cost(resolved: Resolved) -> int:
    """Return the most characters of a value in JSON, without its text and the items of its lists."""
    match resolved:
        case Nullable(item) | Only(item) | Member(value=item):
            return text_cost(item)
        case Choice(branches, names):
            costs = [text_cost(each) for each in branches if not isinstance(each, Absent)]
            return max(map(len, names)) + _MARKS + max(costs, default=0)
        case Fields(steps, defaults, targets):
            written = [(step.place, text_cost(step.value)) for step in steps if step.place >= 0]
            absent = [(place, _default_cost(default)) for place, default in defaults]
            return sum(len(targets[place].name) + _MARKS + cost for place, cost in written + absent)
        case Symbols(symbols):
            return max(map(len, symbols)) + _MARKS
        case Items() | Subtree():
            return _MARKS
        case Value():
            return _LEAF


def _default_cost(default: Default) -> int:
    """Return the most characters of a default in JSON: each of its bytes is in a text, or begins an item."""
    return text_cost(default.value) + len(default.datum) * (_ESCAPE + _lists_cost(default.value))


def _lists_cost(resolved: Resolved) -> int:
    """Return the most characters of one item of each list within a value, together."""
    match resolved:
        case Items(item):
            return text_cost(item) + _lists_cost(item)
        case Nullable(item) | Only(item) | Member(value=item):
            return _lists_cost(item)
        case Choice(branches):
            return sum(_lists_cost(each) for each in branches if not isinstance(each, Absent))
        case Fields(steps):
            return sum(_lists_cost(step.value) for step in steps)
        case Value() | Symbols() | Subtree():
            return 0
