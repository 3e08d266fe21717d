"""List the personal values of an event by its contract, in the forms in which they might leak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, assert_never

from headrace.schemas.classification import Generalise, Pii
from headrace.schemas.model import Array, Branch, Field, Map, Optional, Record, Type, Union, inner

SHORTEST: Final = 5  # shorter texts occur in other values by chance


def personal_values(record: Record, fields: Mapping[str, Any]) -> set[str]:
    """Return every personal value of an event as text, except values that a mask leaves unchanged."""
    return {text for text in _of_record(record, fields) if len(text) >= SHORTEST}


def _of_record(record: Record, fields: Mapping[str, Any]) -> Iterator[str]:
    for field in record.fields:
        value = fields.get(field.name)
        if value is None:
            continue
        if field.mask:
            yield from (str(leaf) for leaf in _leaves(value) if not _is_coarse(leaf, field.mask))
        else:
            yield from _nested(field, value)


def _nested(field: Field, value: Any) -> Iterator[str]:
    values = inner(field.type)
    if isinstance(values, Record):
        for each in _innermost(field.type, value):
            yield from _of_record(values, each)
    elif isinstance(values, Union):
        for branch in values.branches:
            given = [each for each in _innermost(field.type, value) if branch.name in each]
            yield from (
                found for each in given for found in _of_record(_one(branch), {branch.member: each[branch.name]})
            )


def _one(branch: Branch) -> Record:
    return Record(branch.name, (branch.field,))


def _innermost(type_: Type, value: Any) -> Iterator[Mapping[str, Any]]:
    match type_:
        case Optional():
            if value is not None:
                yield from _innermost(type_.item, value)
        case Array():
            for item in value:
                yield from _innermost(type_.items, item)
        case Map():
            for item in value.values():
                yield from _innermost(type_.values, item)
        case _:
            if value is not None:
                yield value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _is_coarse(value: Any, pii: Pii) -> bool:
    """Return whether generalising changes nothing, as for the first of a month or a multiple of the bucket."""
    match pii.to:
        case Generalise.MONTH:
            return bool(value.day == 1)
        case Generalise.YEAR:
            return bool(value.day == value.month == 1)
        case Generalise.NETWORK:
            return str(value).endswith((".0", "::"))
        case Generalise.BUCKET:
            return value % (pii.size or 1) == 0  # type: ignore[no-any-return]
        case None:
            return False
        case _:
            assert_never(pii.to)
