"""The values of an event from which its id and its time come, as the compiled module keeps them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from headrace.schemas.event_encoding.event_program import Path
from headrace.schemas.message_rules.event_moment import field_at
from headrace.schemas.message_rules.event_time import EventTimeRule, FieldTime
from headrace.schemas.model import INSTANTS, MISSING, Kind, Record, Scalar, Type, bare
from headrace.schemas.validate import check

Convert: TypeAlias = Callable[[Any], Any]
_EXACT: Final = {Kind.INT: int, Kind.LONG: int, Kind.STRING: str, Kind.BYTES: bytes}


class KeptValue(NamedTuple):
    """A field of a record: the *place* of its value among those kept, and the fields *within* that are kept too.

    *convert* returns a value as :func:`headrace.schemas.validate.check` does; None if it is so already.
    """

    name: str
    place: int
    convert: Convert | None
    within: tuple[KeptValue, ...]


def needed_paths(identity: Sequence[str], rule: EventTimeRule) -> tuple[Path, ...]:
    """Return the paths of the fields from which an event's id and time come, and of the records around them."""
    found: dict[Path, None] = {(name,): None for name in identity}
    following: object = rule
    while isinstance(following, FieldTime):
        found.update((following.path[:length], None) for length in range(1, len(following.path) + 1))
        following = following.fallback
    return tuple(found)


def kept_values(record: Record, paths: Sequence[Path], around: Path = ()) -> tuple[KeptValue, ...]:
    """Return the kept fields of the record at *around*, each with the kept fields within it."""
    return tuple(
        _kept_value(record, paths, place, path)
        for place, path in enumerate(paths, 1)  # the datum is before them
        if path[:-1] == around
    )


def _kept_value(record: Record, paths: Sequence[Path], place: int, path: Path) -> KeptValue:
    field = field_at(record, path)
    within = kept_values(record, paths, path)
    return KeptValue(path[-1], place, None if within or field is None else _convert(field.type, path), within)


def values_by_name(fields: tuple[KeptValue, ...], encoded: tuple[Any, ...]) -> dict[str, Any]:
    """Return the kept values by name, without absent fields; *encoded* is what the compiled module returned."""
    found = {}
    for name, place, convert, within in fields:
        value = encoded[place]
        if value is MISSING:
            continue
        if convert is not None:
            value = convert(value)
        elif within and value is not None:
            value = values_by_name(within, encoded)
        found[name] = value
    return found


def _convert(type_: Type, path: Path) -> Convert | None:
    """Return the function that makes a value exact; the module has accepted the value before."""

    def checked(value: Any) -> Any:
        return check(type_, value, ".".join(path))

    def instant(value: Any) -> Any:
        return value if type(value) is datetime and value.tzinfo is UTC else checked(value)

    match bare(type_):
        case Scalar(Kind.BOOLEAN | Kind.DATE):
            return None
        case Scalar(kind) if kind in _EXACT:
            return partial(_exact, _EXACT[kind], checked)
        case Scalar(kind) if kind in INSTANTS:
            return instant
        case _:
            return checked


def _exact(wanted: type, checked: Convert, value: Any) -> Any:
    """Return a value of exactly the class *wanted*."""
    return value if type(value) is wanted else checked(value)
