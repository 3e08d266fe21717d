"""Comparison of the types of two versions, by Avro's rules for a reader and a writer with different schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from headrace.schemas.compatibility.rules import Break, Direction, Rule
from headrace.schemas.errors import ContractError
from headrace.schemas.model import (
    INSTANTS,
    MISSING,
    Array,
    Decimal,
    Enumeration,
    Field,
    Kind,
    Map,
    Optional,
    Record,
    Scalar,
    Type,
    Union,
)
from headrace.schemas.resolve import resolve

_LOCAL: Final = frozenset({Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS})
_TIMES: Final = frozenset({Kind.TIME_MILLIS, Kind.TIME_MICROS})
_UNITS: Final = (INSTANTS, _LOCAL, _TIMES)
_ADD_FIELD: Final = "keep the type, and add a new field with a default instead"
_NEW_FIELD: Final = 'give it a default, such as ["null", type] with "default": null'


def compare_records(old: Record, new: Record, path: str = "") -> Iterator[Break]:
    """Yield what a change from *old* to *new* breaks; *path* is empty, or ends with a point."""
    pairs = matched(old, new)
    for after in new.fields:
        before = next((one for one, other in pairs if other is after), None)
        if before is not None:
            yield from _compare_fields(before, after, f"{path}{after.name}")
        elif after.default is MISSING:
            why = "it is new and has no default, so older events have no value for it"
            yield Break(Rule.FIELD_ADDED_WITHOUT_DEFAULT, f"{path}{after.name}", why, _NEW_FIELD, Direction.BACKWARD)
    kept = [one for one, _ in pairs]
    for before in old.fields:
        if all(before is not each for each in kept) and before.default is MISSING:
            why = "it is gone, and readers of the older version have no default for it"
            remedy = "keep it; or give it a default in a version of its own, and remove it in the next"
            yield Break(Rule.FIELD_REMOVED, f"{path}{before.name}", why, remedy, Direction.FORWARD)


def matched(old: Record, new: Record) -> list[tuple[Field, Field]]:
    """Return the fields that are one field in both versions, by name or by an alias of the newer one."""
    by_name = {field.name: field for field in old.fields}
    found = []
    for after in new.fields:
        names = [after.name, *after.aliases]
        before = next((by_name[name] for name in names if name in by_name), None)
        if before is not None:
            found.append((before, after))
    return found


def _compare_fields(old: Field, new: Field, path: str) -> Iterator[Break]:
    yield from compare_types(old.type, new.type, path)
    if old.default is not MISSING and new.default is not MISSING and old.default != new.default:
        why = "its default is another one, so older events without it change their meaning"
        yield Break(Rule.DEFAULT_CHANGED, path, why, "keep the default")


def compare_types(old: Type, new: Type, path: str) -> Iterator[Break]:
    """Yield what a change of one type breaks."""
    match old, new:
        case Optional(before), Optional(after):
            yield from compare_types(before, after, path)
        case Record(), Record():
            yield from compare_records(old, new, f"{path}.")
        case Array(before), Array(after):
            yield from compare_types(before, after, path)
        case Map(before), Map(after):
            yield from compare_types(before, after, path)
        case Enumeration(), Enumeration():
            yield from _symbols(old, new, path)
        case Decimal(), Decimal() if old != new:
            why = f"decimal({old.precision}, {old.scale}) becomes decimal({new.precision}, {new.scale})"
            yield Break(Rule.DECIMAL_CHANGED, path, why, _ADD_FIELD, Direction.BACKWARD)
            yield Break(Rule.DECIMAL_CHANGED, path, why, _ADD_FIELD, Direction.FORWARD)
        case Scalar(before), Scalar(after) if before != after and _same_but_unit(before, after):
            why = f"{before} becomes {after}, so every value would be read as another time"
            yield Break(Rule.TIMESTAMP_UNIT_CHANGED, path, why, _ADD_FIELD, Direction.BACKWARD)
            yield Break(Rule.TIMESTAMP_UNIT_CHANGED, path, why, _ADD_FIELD, Direction.FORWARD)
        case Optional(before), _ if not isinstance(new, Union):
            why = "null is no longer allowed, and older events may have it"
            yield Break(Rule.TYPE_CHANGED, path, why, "keep null in the union", Direction.BACKWARD)
            yield from compare_types(before, new, path)
        case _, Optional(after) if not isinstance(old, Union):
            why = "null is new, and readers of the older version do not allow it"
            yield Break(Rule.TYPE_CHANGED, path, why, "keep the type, or add a new field", Direction.FORWARD)
            yield from compare_types(old, after, path)
        case _:
            yield from _resolved(old, new, path, Direction.BACKWARD)
            yield from _resolved(new, old, path, Direction.FORWARD)


def _same_but_unit(one: Kind, other: Kind) -> bool:
    return any(one in kinds and other in kinds for kinds in _UNITS)


def _symbols(old: Enumeration, new: Enumeration, path: str) -> Iterator[Break]:
    if new.default is None:
        for symbol in old.symbols:
            if symbol not in new.symbols:
                remedy = "keep it, or give the enum a default"
                yield Break(Rule.ENUM_SYMBOL_REMOVED, path, f"symbol {symbol} is gone", remedy, Direction.BACKWARD)
    if old.default is None:
        for symbol in new.symbols:
            if symbol not in old.symbols:
                remedy = "give the enum a default in a version before"
                yield Break(Rule.ENUM_SYMBOL_ADDED, path, f"symbol {symbol} is new", remedy, Direction.FORWARD)


def _resolved(writer: Type, reader: Type, path: str, direction: Direction) -> Iterator[Break]:
    try:
        resolve(writer, reader, path)
    except ContractError as error:
        for each in error.faults:
            yield Break(Rule.TYPE_CHANGED, each.where, each.why, each.remedy, direction)
