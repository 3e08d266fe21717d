"""Compare expected rows with stored ones, column by column. Personal values are never part of the result."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headrace.schemas.from_json import convert
from headrace.schemas.model import Array, Field, Kind, Map, Optional, Record, Scalar, Type, inner, walk
from headrace.schemas.strict_json import as_double_or_text
from headrace.schemas.validate import check
from headrace.util.terminal_columns import counted

ABSENT: Final = "(none)"
_SINGLE_DIGITS: Final = 2**-24  # half of the distance between two values of a float, relative to the value


@dataclass(frozen=True, slots=True)
class Failure:
    """One difference, as text: *where* is a key of the expectations. The text is not escaped for a terminal."""

    where: str
    expected: str = field(repr=False)
    got: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, got {self.got}"


def row_failures(
    columns: Record, expected: Mapping[str, Any], got: Mapping[str, Any], where: str, exact: bool
) -> Iterator[Failure]:
    """Yield the columns that differ. Both rows are in JSON; with *exact*, *got* may have no further columns."""
    fields = {field.name: field for field in columns.fields}
    for name, value in expected.items():
        yield from _field_failures(fields[name], value, got[name], f"{where}.{name}", exact)
    for name in got if exact else ():
        if name not in expected and name in fields:
            yield Failure(f"{where}.{name}", ABSENT, _shown(fields[name], got[name]))


def _field_failures(field: Field, expected: Any, got: Any, where: str, exact: bool) -> Iterator[Failure]:
    found = _failures(field.type, expected, got, where, exact)
    if field.mask is None:
        yield from found
    elif next(found, None) is not None:
        yield Failure(where, f"a value {hidden(field)}", "another one")


def _failures(type_: Type, expected: Any, got: Any, where: str, exact: bool) -> Iterator[Failure]:
    match type_:
        case Optional() if expected is not None and got is not None:
            yield from _failures(type_.item, expected, got, where, exact)
        case Record() if isinstance(expected, Mapping) and isinstance(got, Mapping):
            yield from row_failures(type_, expected, got, where, exact)
        case Array() if isinstance(expected, list):
            yield from _item_failures(type_.items, expected, got, where, exact)
        case Map() if isinstance(expected, Mapping):
            yield from _entry_failures(type_.values, expected, got, where, exact)
        case _:
            if not _same(type_, expected, got):
                yield Failure(where, _text(type_, expected), _text(type_, got))


def _item_failures(type_: Type, expected: list[Any], got: list[Any], where: str, exact: bool) -> Iterator[Failure]:
    if len(expected) != len(got):
        yield Failure(where, counted(len(expected), "item"), counted(len(got), "item"))
        return
    for place, (wanted, value) in enumerate(zip(expected, got, strict=True)):
        yield from _failures(type_, wanted, value, f"{where}[{place}]", exact)


def _entry_failures(
    type_: Type, expected: Mapping[str, Any], got: Mapping[str, Any], where: str, exact: bool
) -> Iterator[Failure]:
    for key in dict.fromkeys([*expected, *got]):
        if key in expected and key in got:
            yield from _failures(type_, expected[key], got[key], f"{where}.{key}", exact)
        else:
            yield Failure(
                f"{where}.{key}",
                _text(type_, expected[key]) if key in expected else ABSENT,
                _text(type_, got[key]) if key in got else ABSENT,
            )


def _same(type_: Type, expected: Any, got: Any) -> bool:
    """Return whether two values in JSON denote the same value of a type without parts."""
    one, other = (check(type_, convert(type_, value, ""), "") for value in (expected, got))
    if isinstance(one, float) and isinstance(other, float):
        within = _SINGLE_DIGITS if type_ == Scalar(Kind.FLOAT) else 0.0
        return math.isclose(one, other, rel_tol=within) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def hidden(field: Field) -> str:
    """Return the text for a personal value."""
    return f"(personal: {field.mask.kind})" if field.mask else "(hidden)"


def _shown(field: Field, value: Any) -> str:
    return _text(field.type, value) if field.mask is None else hidden(field)


def _text(type_: Type, value: Any) -> str:
    """Return a value in JSON; a value with personal parts only by its kind."""
    if _has_personal_parts(type_):
        return "null" if value is None else "a value (with personal parts)"
    return json.dumps(value, ensure_ascii=False, default=as_double_or_text)


def _has_personal_parts(type_: Type) -> bool:
    nested = inner(type_)
    return isinstance(nested, Record) and any(field.mask for _, field in walk(nested))
