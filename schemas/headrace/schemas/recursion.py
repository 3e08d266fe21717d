"""Records that contain themselves: how deep their values may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headrace.schemas.model import Array, Map, Optional, Record, Recursive, Type, Union

MOST_LEVELS: Final = 64  # of a record within itself
_FRAMES: Final = 320  # of Python's stack, of which it allows a thousand


@dataclass(frozen=True, slots=True)
class Subtree:
    """A value of the record *writer* within itself, read as the record *reader* into one JSON text."""

    writer: Recursive
    reader: Recursive


def most_levels(record: Record) -> int:
    """Return how often a value of *record* may contain itself, so that reading it never exhausts the stack."""
    return max(1, min(MOST_LEVELS, _FRAMES // (2 + _frames(record))))


def is_endless(record: Record) -> bool:
    """Return whether every value of *record* contains another one, so that no event can hold one."""
    return _needs(record, record.full_name)


def _needs(type_: Type, name: str) -> bool:
    match type_:
        case Record(fields=fields):
            return any(_needs(each.type, name) for each in fields)
        case Union(branches, None):
            return all(_needs(each.type, name) for each in branches)
        case Recursive():
            return type_.name == name
        case _:
            return False


def _frames(type_: Type) -> int:
    """Return how many readers call one another from a value of *type_* to the deepest value in it."""
    match type_:
        case Optional(item=item) | Array(items=item):
            return 1 + _frames(item)
        case Map(values):
            return 3 + _frames(values)
        case Union(branches):
            return 2 + max(_frames(branch.type) for branch in branches)
        case Record(fields=fields):
            return 1 + max(_frames(each.type) for each in fields)
        case _:
            return 0
