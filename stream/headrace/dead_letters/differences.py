"""List the changes of an edit, field by field. Personal values stay hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headrace.dead_letters.edit_event import EditedEvent
from headrace.dead_letters.letter import Letter
from headrace.schemas.classification import Pii
from headrace.schemas.model import Array, Map, Record, Type, Union, bare
from headrace.schemas.strict_json import as_double_or_text

ABSENT: Final = "(none)"
UNSURE: Final = "(hidden: may be misread)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field or attribute before and after an edit, as text. The text is not escaped for a terminal."""

    what: str
    before: str = field(repr=False)
    after: str = field(repr=False)


def differences(letter: Letter, edited: EditedEvent, *, reveal: bool = False) -> list[Difference]:
    """Return the differences between *letter* and *edited*, fields first. With *reveal*, hide no value."""
    return [*_fields(edited, reveal), *_attributes(letter.attributes, edited.letter.attributes)]


def _fields(edited: EditedEvent, reveal: bool) -> Iterator[Difference]:
    record = edited.contract.record
    after = dict(_leaves(record, edited.after, "", None))
    before = dict(_leaves(record, edited.before, "", None)) if edited.before is not None else {}
    for path in dict.fromkeys([*before, *after]):
        (old, kind), (new, other) = before.get(path, (ABSENT, None)), after.get(path, (ABSENT, None))
        if old == new:
            continue
        personal = kind or other
        if personal is not None and not reveal:
            hidden = f"(personal: {personal.kind})"
            old, new = hidden if old != ABSENT else old, hidden if new != ABSENT else new
        elif old != ABSENT and not (edited.sure or reveal):
            old = UNSURE
        yield Difference(path, old, new)


def _leaves(type_: Type | None, value: Any, path: str, pii: Pii | None) -> Iterator[tuple[str, tuple[str, Pii | None]]]:
    """Yield the innermost values with their paths. A personal value counts as one value, even if it has parts."""
    inside = bare(type_) if type_ is not None else None
    if pii is not None or not value or not isinstance(value, Mapping | list):
        yield path, (json.dumps(value, ensure_ascii=False, default=as_double_or_text), pii)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            part, personal = _part(inside, name)
            yield from _leaves(part, item, f"{path}.{name}" if path else name, personal)
    else:
        for index, item in enumerate(value):
            yield from _leaves(inside.items if isinstance(inside, Array) else None, item, f"{path}[{index}]", None)


def _part(type_: Type | None, name: str) -> tuple[Type | None, Pii | None]:
    if isinstance(type_, Map):
        return type_.values, None
    if isinstance(type_, Union):
        branch = next((each for each in type_.branches if each.name == name), None)
        if branch is not None:
            return branch.type, branch.field.mask
    if isinstance(type_, Record):
        found = next((f for f in type_.fields if f.name == name), None)
        if found is not None:
            return found.type, found.mask
    return None, None


def _attributes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield Difference(f"attribute {name}", ABSENT if old is None else old, ABSENT if new is None else new)
