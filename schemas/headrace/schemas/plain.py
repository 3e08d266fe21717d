"""Copies of a caller's objects as exact built-in values.

An object of a subclass may answer the same question differently each time, or raise an error that contains its value.
So these functions copy the content without the object's own code where possible, and ask it once, by :func:`ask`, for
the rest. Each function returns None for a value of another type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from headrace.schemas.errors import InvalidEventError
from headrace.schemas.model import MAX_ITEMS

T = TypeVar("T")
FIELD_NAME: Final = "avro"  # in the metadata of a dataclass's field: the name that the contract has for it
BRANCH_NAME: Final = "AVRO_NAME"  # of a dataclass: the name of its record in unions
_CLASSES: Final = 1024  # dataclasses whose fields are remembered
_NAME: Final = type.__dict__["__name__"].__get__  # a metaclass may override it
_MEMBERS: Final = type.__dict__["__dict__"].__get__
_LYING: Final = frozenset({"__class__", "__getattribute__"})
_ALL: Final = slice(None)


class Moment(NamedTuple):
    """A datetime in parts: the clock time, and its offset from UTC; None if it has no offset."""

    wall: datetime
    offset: timedelta | None
    is_zoned: bool


def ask(question: Callable[[Any], T], value: object, path: str) -> T:
    """Ask *value* a question that its own code may answer.

    Raises:
        InvalidEventError: the value's code raised an error. Nothing of that error is kept, not even as the context.
    """
    try:
        return question(value)
    except Exception as error:
        raised = type(error)
    why = f"its own code raised {_NAME(raised)} (got {name_of(value)})"
    raise InvalidEventError(path, why, "give a value of a built-in type")


def name_of(value: object) -> str:
    """Return the name of a value's type."""
    name: str = _NAME(type(value))
    return name


def text_of(value: Any) -> str | None:
    """Return an exact text."""
    return str.__str__(value) if issubclass(type(value), str) else None


def bytes_of(value: Any) -> bytes | None:
    """Return exact bytes."""
    return bytes.__getitem__(value, _ALL) if issubclass(type(value), bytes) else None


def whole_of(value: Any) -> int | None:
    """Return an exact integer; None for a boolean."""
    if type(value) is bool or not issubclass(type(value), int):
        return None
    return int.__index__(value)


def number_of(value: Any) -> int | float | None:
    """Return an exact float or integer; None for a boolean."""
    return float.__float__(value) if issubclass(type(value), float) else whole_of(value)


def decimal_of(value: Any) -> Decimal | None:
    """Return an exact decimal."""
    return Decimal(value) if issubclass(type(value), Decimal) else None


def uuid_of(value: object, path: str) -> str | None:
    """Return the 36 characters of a UUID."""
    return ask(_uuid, value, path) if issubclass(type(value), UUID) else None


def date_of(value: object, path: str) -> date | None:
    """Return an exact date; None for a datetime."""
    if type(value) is date:  # isinstance would run code of a value of another type
        return value
    is_date = issubclass(type(value), date) and not issubclass(type(value), datetime)
    return ask(_date, value, path) if is_date else None


def time_of(value: object, path: str) -> time | None:
    """Return an exact time of day; None if it has a time zone.

    Raises:
        InvalidEventError: the time is finer than a microsecond.
    """
    if not issubclass(type(value), time):
        return None
    found, is_finer = ask(_time, value, path)
    return _not_finer(found, is_finer, path)


def moment_of(value: object, path: str) -> Moment | None:
    """Return an exact datetime; None for a value that is not equal to itself, such as pandas' NaT.

    Raises:
        InvalidEventError: the datetime is finer than a microsecond.
    """
    if not issubclass(type(value), datetime):
        return None
    found, is_finer = ask(_moment, value, path)
    return _not_finer(found, is_finer, path)


def is_no_time(value: object, path: str) -> bool:
    """Return whether *value* is a date or datetime that is not equal to itself, such as pandas' NaT."""
    return issubclass(type(value), date) and ask(_differs_from_itself, value, path)


def items_of(value: object, path: str) -> list[Any] | None:
    """Return the items of a list or tuple; at most one more than an array may have."""
    if not issubclass(type(value), list | tuple):
        return None
    return ask(_items, value, path)


def entries_of(value: object, path: str) -> list[tuple[Any, Any]] | None:
    """Return the keys of a mapping with their values; at most one more than a map may have."""
    return ask(_entries, value, path)


def fields_of(value: object, path: str) -> list[tuple[Any, Any]] | None:
    """Return the names of a mapping or of an instance of a dataclass with their values."""
    return ask(_fields, value, path)


def branch_of(value: object, path: str) -> str | None:
    """Return the name that a dataclass has for its record in unions."""
    return ask(_branch, value, path)


def class_attributes(class_: type) -> tuple[tuple[str, Any], ...]:
    """Return each attribute of a dataclass with the name of its field, as :func:`fields_of` reads its instances.

    Returns nothing for another class, and for one whose instances may say that they are something else.
    """
    names = _names(class_)
    if not names or issubclass(class_, Mapping) or not all(type(name) is str for pair in names for name in pair):
        return ()
    return () if any(_LYING & _MEMBERS(each).keys() for each in class_.__mro__[:-1]) else names


def class_branch(class_: type) -> str | None:
    """Return the name that a dataclass has for its record in unions, as :func:`branch_of` finds it for an instance."""
    return text_of(getattr(class_, BRANCH_NAME, None)) if class_attributes(class_) else None


def _uuid(value: UUID) -> str:
    return str(value if type(value) is UUID else UUID(int=value.int))


def _date(value: date) -> date | None:
    return None if _differs_from_itself(value) else date(value.year, value.month, value.day)


def _time(value: time) -> tuple[time | None, bool]:
    if value.tzinfo is not None:
        return None, False
    if type(value) is time:
        return value, False
    return time(value.hour, value.minute, value.second, value.microsecond), _is_finer(value)


def _moment(value: datetime) -> tuple[Moment | None, bool]:
    if type(value) is datetime:
        return Moment(value.replace(tzinfo=None), _exact(value.utcoffset()), value.tzinfo is not None), False
    if _differs_from_itself(value):
        return None, False
    wall = datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
    return Moment(wall, _exact(value.utcoffset()), value.tzinfo is not None), _is_finer(value)


def _exact(offset: timedelta | None) -> timedelta | None:
    return None if offset is None else timedelta(offset.days, offset.seconds, offset.microseconds)


def _differs_from_itself(value: object) -> bool:
    return bool(value != value)


def _is_finer(value: object) -> bool:
    return bool(getattr(value, "nanosecond", 0))  # an attribute of pandas' Timestamp


def _not_finer(found: T, is_finer: bool, path: str) -> T:
    if is_finer:
        raise InvalidEventError(path, "finer than a microsecond", "round it, such as with floor('us')")
    return found


def _items(value: list[Any] | tuple[Any, ...]) -> list[Any]:
    return list(islice(value, MAX_ITEMS + 1))


def _entries(value: Any) -> list[tuple[Any, Any]] | None:
    if type(value) is dict:
        return list(value.items())
    if not isinstance(value, Mapping):
        return None
    return [(key, value[key]) for key in islice(value, MAX_ITEMS + 1)]


def _fields(value: object) -> list[tuple[Any, Any]] | None:
    entries = _entries(value)
    names = _names_of(value) if entries is None else ()
    return [(name, getattr(value, attribute)) for attribute, name in names] or entries


def _branch(value: object) -> str | None:
    return text_of(getattr(type(value), BRANCH_NAME, None)) if _names_of(value) else None


def _names_of(value: object) -> tuple[tuple[str, Any], ...]:
    class_: Any = type(value)  # mypy takes no class for hashable
    return _names(class_)


@lru_cache(_CLASSES)
def _names(class_: type) -> tuple[tuple[str, Any], ...]:
    """Return each attribute of a dataclass with the name of its field; nothing for another class."""
    if not is_dataclass(class_):
        return ()
    return tuple((each.name, each.metadata.get(FIELD_NAME, each.name)) for each in fields(class_))
