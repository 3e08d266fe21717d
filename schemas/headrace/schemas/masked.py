"""Columns of a record after masking: the tree from which tables and rows are made."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, assert_never

from headrace.schemas.classification import Mask, Pii
from headrace.schemas.model import (
    Array,
    Decimal,
    Enumeration,
    Field,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
)
from headrace.schemas.stored import stored

TOKEN: Final = Scalar(Kind.STRING)


def masked(record: Record) -> Record:
    """Return the record's columns as they are written: without omitted ones, redacted ones optional, tokens as text."""
    fields = (_masked_field(field) for field in stored(record).fields)
    return replace(record, fields=tuple(field for field in fields if field is not None), datum=False, unstored=())


def by_column(record: Record) -> Record:
    """Return the record with each field named as its column is."""
    fields = (replace(each, name=each.column, renamed=None, type=_inside(each.type)) for each in record.fields)
    return replace(record, fields=tuple(fields), unstored=())


def _inside(type_: Type) -> Type:
    match type_:
        case Optional():
            return replace(type_, item=_inside(type_.item))
        case Array():
            return replace(type_, items=_inside(type_.items))
        case Map():
            return replace(type_, values=_inside(type_.values))
        case Record():
            return by_column(type_)
        case Scalar() | Decimal() | Fixed() | Enumeration() | Union() | Recursive():
            return type_
        case _:
            assert_never(type_)


def _masked_field(field: Field) -> Field | None:
    if not isinstance(field.pii, Pii):
        return field.typed(_masked_type(field.type))
    match field.pii.mask:
        case Mask.OMIT:
            return None
        case Mask.REDACT:
            return replace(field, type=_emptied(field.type))
        case Mask.TOKENISE:
            return replace(field, type=_tokenised(field.type))
        case Mask.PARTIAL | Mask.GENERALISE:
            return field
        case _:
            assert_never(field.pii.mask)


def _masked_type(type_: Type) -> Type:
    match type_:
        case Optional():
            return type_.holding(_masked_type(type_.item))
        case Array():
            return Array(_masked_type(type_.items))
        case Map():
            return Map(_masked_type(type_.values))
        case Record():
            return masked(type_)
        case Scalar() | Decimal() | Fixed() | Enumeration() | Union() | Recursive():
            return type_
        case _:
            assert_never(type_)


def _emptied(type_: Type) -> Type:
    """Return the type of a redacted value: arrays and maps become empty, every other value becomes null."""
    return type_ if isinstance(type_, Array | Map | Optional) else Optional(type_)


def _tokenised(type_: Type) -> Type:
    match type_:
        case Optional():
            return Optional(_tokenised(type_.item), type_.null_first)
        case Array():
            return Array(_tokenised(type_.items))
        case Map():
            return Map(_tokenised(type_.values))
        case Scalar() | Decimal() | Fixed() | Enumeration() | Union() | Record() | Recursive():
            return TOKEN
        case _:
            assert_never(type_)
