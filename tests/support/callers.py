"""Objects as callers may have them: subclasses of built-in types whose own methods lie, or raise their value."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

MARKER = "ada@example.com"
_KEPT = frozenset(
    {
        "__new__",
        "__init__",
        "__init_subclass__",
        "__subclasshook__",
        "__class__",
        "__del__",
        "__setattr__",
        "__slots__",
        "__weakref__",
        "__dict__",
        "__abstractmethods__",
        "_abc_impl",
    }
)


class UnreadableError(RuntimeError):
    """What the methods of a caller raise."""


def raising(base: type) -> type:
    """A subclass of *base* of which every method and property raises an error that shows a value."""

    def fail(*_: Any, **__: Any) -> Any:
        raise UnreadableError(MARKER)

    names = set(dir(base)) - _KEPT | {"__getattribute__", "nanosecond"}
    return type(f"Raising{base.__name__}", (base,), dict.fromkeys(names, fail) | {"__class__": property(fail)})


def of_class(kind: type, value: Any) -> Any:
    """*value* as an instance of *kind*, a subclass of its type."""
    match value:
        case datetime():
            parts = (value.hour, value.minute, value.second, value.microsecond, value.tzinfo)
            return kind(value.year, value.month, value.day, *parts, fold=value.fold)
        case date():
            return kind(value.year, value.month, value.day)
        case time():
            return kind(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold)
        case UUID():
            return kind(int=value.int)
        case _:
            return kind(value)


class Text(str):
    """Says something else than it holds."""

    __hash__ = str.__hash__

    def __str__(self) -> str:
        return MARKER

    def encode(self, *_: Any) -> bytes:
        return MARKER.encode()

    def __eq__(self, other: object) -> bool:
        return True


class Data(bytes):
    """Likewise."""

    def __len__(self) -> int:
        return 4

    def __bytes__(self) -> bytes:
        return MARKER.encode()


class Whole(int):
    """Likewise."""

    def __int__(self) -> int:
        return 7

    def __index__(self) -> int:
        return 7


class Real(float):
    """Likewise."""

    def __float__(self) -> float:
        return 7.0

    def __abs__(self) -> float:
        return 7.0


class Exact(Decimal):
    """Likewise."""

    def as_tuple(self) -> Any:
        return Decimal(7).as_tuple()

    def is_finite(self) -> bool:
        return True


class Id(UUID):
    """Likewise."""

    def __str__(self) -> str:
        return MARKER


class Day(date):
    """A date of another library."""

    def toordinal(self) -> int:
        return 1


class Clock(time):
    """A time of another library."""

    def __format__(self, _: str) -> str:
        return MARKER


class Moment(datetime):
    """A datetime of another library, as those of pendulum and freezegun."""

    def __sub__(self, other: Any) -> Any:
        return NotImplemented

    def astimezone(self, *_: Any) -> Any:
        return datetime(1999, 1, 1)


class Items(list[Any]):
    """A list that may be read once."""

    asked = 0

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        self.asked += 1
        return super().__iter__() if self.asked == 1 else iter([MARKER])


class Answers(UserDict[str, Any]):
    """A mapping that answers each question once, and from then on with something else."""

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        self.asked: dict[str, int] = {}

    def __getitem__(self, name: str) -> Any:
        self.asked[name] = self.asked.get(name, 0) + 1
        return super().__getitem__(name) if self.asked[name] == 1 else MARKER


_OTHERS: dict[type, type] = {
    str: Text,
    bytes: Data,
    int: Whole,
    float: Real,
    Decimal: Exact,
    UUID: Id,
    date: Day,
    time: Clock,
    datetime: Moment,
}


def in_disguise(value: Any) -> Any:
    """The same event, of nothing but subclasses; booleans and None have none."""
    match value:
        case dict():
            return Answers({Text(name): in_disguise(item) for name, item in value.items()})
        case list():
            return Items([in_disguise(item) for item in value])
        case _:
            kind = _OTHERS.get(type(value))
            return value if kind is None else of_class(kind, value)
