"""Strict readers of unions of several types, and of the structs that hold their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from headrace.schemas.containers import FAILURES, NO_BRANCH, placed
from headrace.schemas.scalars import Read
from headrace.schemas.varint import Malformed, read_long

UNREADABLE: Final = "a branch of its union that the newest version cannot read"


def choice_reader(branches: Sequence[tuple[str, Read | None]], null: int | None, nothing: Any) -> Read:
    """Return the reader of a value of one of *branches*, each with its name; None for a branch that cannot be read.

    *null* is the index of null, which is read as *nothing*.
    """

    def choice(data: bytes, position: int) -> tuple[Any, int]:
        try:
            index, after = read_long(data, position)
        except IndexError:
            raise Malformed("ends in the middle", position) from None
        if not 0 <= index < len(branches):
            raise Malformed(NO_BRANCH, position)
        if index == null:
            return nothing, after
        name, read = branches[index]
        if read is None:
            raise Malformed(UNREADABLE, position)
        try:
            return read(data, after)
        except FAILURES as error:
            raise placed(error, after, name) from None

    return choice


def member_reader(read: Read, name: str, empty: Mapping[str, Any]) -> Read:
    """Return the reader of a struct whose member *name* has the value; *empty* has the values of all members."""

    def member(data: bytes, position: int) -> tuple[Any, int]:
        value, position = read(data, position)
        return {**empty, name: value}, position

    return member
