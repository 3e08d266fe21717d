"""Annotations of fields by their path, for a schema that cannot hold annotations itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, assert_never

from headrace.schemas.annotations import parse_pii
from headrace.schemas.checked_values import mapping_of, refuse_unknown
from headrace.schemas.column_annotations import COLUMN_KEYS, with_columns
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import Faults
from headrace.schemas.model import (
    Array,
    Branch,
    Decimal,
    Enumeration,
    Field,
    Fixed,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
    walk,
)

NONE: Final = "none"
_FIELD: Final = 'write {"pii": "none"}, or {"pii": {"kind": "email", "mask": "tokenise"}}'

_CLASSIFY: Final = (
    'write "pii": "none", or classify each field, such as "email" with "pii": {"kind": "email", "mask": "tokenise"}'
)


def annotate_fields(record: Record, annotation: Mapping[str, Any], where: str, faults: Faults) -> Record:
    """Apply the annotations ``fields`` and ``pii`` of a record's ``headrace`` annotation.

    ``fields`` maps the path of a field (``customer.email``) to its annotations. Items of arrays and values of maps have
    the path of their field. A type of a union has the name of its member (``payload.string_value``).
    ``pii`` is ``none`` for a subject without personal data. Otherwise each field has a classification, here or in the
    schema. *faults* are paths that name no field, annotations that are invalid or contradict another one, and a
    contract that says nothing about personal data.

    Raises:
        ContractError: ``fields`` is not a JSON object.
    """
    paths = [path for path, _ in walk(record)]
    for path, given in mapping_of(annotation.get("fields", {}), f"{where}.fields", _FIELD).items():
        place = f"{where}.fields.{path}"
        with faults.gathered():
            if path not in paths:
                raise ContractError(place, "no such field", _remedy(path, paths))
            record = _annotated(record, path.split("."), mapping_of(given, place, _FIELD), place)
    with faults.gathered():
        if "pii" in annotation:
            _check_free(record, annotation["pii"], where)
        elif not _classified(record) and not any(".pii" in each.where for each in faults.found):
            why = "says nothing about personal data"
            raise ContractError(f"{where}.pii", why, _CLASSIFY, rule=Rule.PII_UNCLASSIFIED)
    return record


def _classified(record: Record) -> list[str]:
    return [path for path, field in walk(record) if field.pii is not None]


def _check_free(record: Record, value: object, where: str) -> None:
    place = f"{where}.pii"
    if value != NONE:
        raise ContractError(place, 'not "none"', 'write "none", or classify each field in fields')
    classified = _classified(record)
    if classified:
        raise ContractError(
            place, f"none for the whole subject, and {classified[0]} is classified", "remove one of the two"
        )


def _remedy(path: str, paths: list[str]) -> str:
    from difflib import get_close_matches  # only an error needs it

    close = get_close_matches(path, paths, 1)
    return f"write {close[0]}" if close else "name a field with its path, such as customer.email"


def _annotated(record: Record, path: list[str], given: Mapping[str, Any], where: str) -> Record:
    fields = tuple(
        _annotated_field(field, path, given, where) if field.name == path[0] else field for field in record.fields
    )
    return replace(record, fields=fields)


def _annotated_field(field: Field, path: list[str], given: Mapping[str, Any], where: str) -> Field:
    if len(path) > 1:
        return replace(field, type=_within(field.type, path[1:], given, where))
    refuse_unknown(given, {"pii", *COLUMN_KEYS}, where)
    states_pii = "pii" in given or not given
    if states_pii and field.pii is not None:
        raise ContractError(where, "classified in the schema too", "remove one of the two")
    pii = parse_pii(given.get("pii"), f"{where}.pii") if states_pii else field.pii
    return with_columns(replace(field, pii=pii), given, where)


def _annotated_branch(branch: Branch, path: list[str], given: Mapping[str, Any], where: str) -> Branch:
    if len(path) > 1:
        return replace(branch, type=_within(branch.type, path[1:], given, where))
    refuse_unknown(given, {"pii"}, where)
    if branch.pii is not None:
        raise ContractError(where, "classified in the schema too", "remove one of the two")
    return replace(branch, pii=parse_pii(given.get("pii"), f"{where}.pii"))


def _within(type_: Type, path: list[str], given: Mapping[str, Any], where: str) -> Type:
    match type_:
        case Record():
            return _annotated(type_, path, given, where)
        case Optional():
            return replace(type_, item=_within(type_.item, path, given, where))
        case Array():
            return replace(type_, items=_within(type_.items, path, given, where))
        case Map():
            return replace(type_, values=_within(type_.values, path, given, where))
        case Union(branches):
            annotated = [
                _annotated_branch(each, path, given, where) if each.member == path[0] else each for each in branches
            ]
            return replace(type_, branches=tuple(annotated))
        case Scalar() | Decimal() | Fixed() | Enumeration() | Recursive():
            return type_
        case _:
            assert_never(type_)
