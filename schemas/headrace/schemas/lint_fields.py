"""Rules for the annotations of fields: each one is classified, and a mask fits its type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from headrace.schemas.classification import Generalise, Mask, NotPersonal, Pii
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.errors import ContractError
from headrace.schemas.field_places import FieldPlaces
from headrace.schemas.lint_columns import check_is_null_columns, check_texts
from headrace.schemas.model import (
    INSTANTS,
    NUMBERS,
    Enumeration,
    Field,
    Kind,
    Map,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
    bare,
    inner,
    walk,
)

_TOKENISED: Final = frozenset({Kind.STRING, Kind.UUID, Kind.INT, Kind.LONG, Kind.BYTES})


def lint_fields(record: Record, places: FieldPlaces) -> Iterator[ContractError]:
    """Yield an error for each wrong annotation of a field of *record*, which has no further levels of itself yet."""
    yield from _check_classified(record, places)
    yield from check_is_null_columns(record, places)
    yield from check_texts(record, places)
    for path, field in walk(record):
        yield from check_mask(field, places.stated(path, "pii"))


def _check_classified(record: Record, places: FieldPlaces) -> Iterator[ContractError]:
    fields = list(walk(record))
    if all(field.pii is None for _, field in fields):
        return
    covered: tuple[str, ...] = ()  # by a mask of a field around them
    cleared: set[str] = set()  # unions whose plain branches are not personal
    for path, field in fields:
        if path.startswith(covered):
            continue
        if isinstance(field.pii, Pii):
            covered += (f"{path}.",)
            continue
        values = inner(field.type)
        branches = values.branches if isinstance(values, Union) else ()
        whole = isinstance(values, Record | Recursive) or bool(branches)
        plain = any(not isinstance(inner(each.type), Record | Recursive) and each.pii is None for each in branches)
        if isinstance(field.pii, NotPersonal) and plain:
            cleared.add(path)
        elif isinstance(field.pii, NotPersonal) and whole:
            yield ContractError(
                places.stated(path, "pii"),
                "a record classified as not personal as a whole",
                'remove "pii" from it, and write it on each of its fields',
            )
        elif not whole and field.pii is None and path.rpartition(".")[0] not in cleared:
            remedy = f'add {places.not_personal(path)}, or "pii" with a kind and a mask'
            why = "not classified, and other fields are"
            yield ContractError(places.missing(path), why, remedy, rule=Rule.PII_UNCLASSIFIED)


def check_mask(field: Field, where: str) -> Iterator[ContractError]:
    """Yield an error if the mask of a field does not fit its type."""
    pii = field.mask
    if pii and not _fits(field, pii):
        fitting = ", ".join(_described(each) for each in _EVERY_MASK if _fits(field, each))
        yield ContractError(where, f"{_described(pii)} does not fit its type", f"use one of: {fitting}")


_EVERY_MASK: Final = (
    *(Pii("any", mask) for mask in Mask if mask is not Mask.GENERALISE),
    *(Pii("any", Mask.GENERALISE, to=to) for to in Generalise),
)


def _described(pii: Pii) -> str:
    return f"{pii.mask} to {pii.to}" if pii.to else str(pii.mask)


def _fits(field: Field, pii: Pii) -> bool:
    return all(_fits_values(value, pii, _in_map(field)) for value in _values(field.type))


def _values(type_: Type) -> Iterator[Type]:
    """Yield the types of the innermost values: that of each branch for a union."""
    match inner(type_):
        case Union(branches):
            for branch in branches:
                yield from _values(branch.type)
        case value:
            yield value


def _fits_values(value: Type, pii: Pii, in_map: bool) -> bool:
    match pii.mask:
        case Mask.REDACT | Mask.OMIT:
            return True
        case Mask.TOKENISE:
            return isinstance(value, Enumeration) or (isinstance(value, Scalar) and value.kind in _TOKENISED)
        case Mask.PARTIAL:
            return value == Scalar(Kind.STRING) and not in_map
        case Mask.GENERALISE:
            return _generalises(pii, value) and not in_map
        case _:
            assert_never(pii.mask)


def _generalises(pii: Pii, value: object) -> bool:
    match pii.to:
        case Generalise.MONTH | Generalise.YEAR:
            return isinstance(value, Scalar) and value.kind in {Kind.DATE} | INSTANTS
        case Generalise.NETWORK:
            return value == Scalar(Kind.STRING)
        case Generalise.BUCKET:
            return isinstance(value, Scalar) and value.kind in NUMBERS
        case None:
            return False
        case _:
            assert_never(pii.to)


def _in_map(field: Field) -> bool:
    return isinstance(bare(field.type), Map)
