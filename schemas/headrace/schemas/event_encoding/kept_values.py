"""The values of an event from which its id and its time come, as the compiled module keeps them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from headrace.schemas.event_encoding.event_program import Path
from headrace.schemas.message_rules.event_moment import field_at
from headrace.schemas.message_rules.event_time import EventTimeRule, FieldTime
from headrace.schemas.model import INSTANTS, MISSING, Kind, Record, Type, bare
from headrace.schemas.validate import check

Convert: TypeAlias = Callable[[Any], Any]
_EXACT: Final[dict[Any, type]] = {Kind.INT: int, Kind.LONG: int, Kind.STRING: str, Kind.BYTES: bytes}


class KeptValue(NamedTuple):
    """A field of a record: the *place* of its value among those kept, and the fields *within* that are kept too.

    *convert* returns a value as :func:`headrace.schemas.validate.check` does; a value of the class *exact* is so
    already. A field with fields within has neither.
    """

    name: str
    place: int
    exact: type | None
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
    field, within = field_at(record, path), kept_values(record, paths, path)
    if within or field is None:
        return KeptValue(path[-1], place, None, None, within)
    kind = getattr(bare(field.type), "kind", None)
    convert = partial(_instant if kind in INSTANTS else check, field.type, path=".".join(path))
    return KeptValue(path[-1], place, _EXACT.get(kind), convert, ())


def _instant(type_: Type, value: Any, path: str) -> Any:
    return value if type(value) is datetime and value.tzinfo is UTC else check(type_, value, path)


def values_by_name(fields: tuple[KeptValue, ...], encoded: tuple[Any, ...]) -> dict[str, Any]:
    """Return the kept values by name, without absent fields; *encoded* is what the compiled module returned."""
    found = {}
    for name, place, exact, convert, within in fields:
        value = encoded[place]
        if type(value) is exact:
            found[name] = value
        elif value is MISSING:
            continue
        elif convert is not None:
            found[name] = convert(value)
        else:
            found[name] = None if value is None else values_by_name(within, encoded)
    return found
