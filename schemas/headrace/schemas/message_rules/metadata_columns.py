"""Columns that hold what a message carries beside its event: attributes, ids and times of Pub/Sub."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from headrace.schemas.checked_values import mapping_of, refuse_unknown, text_in
from headrace.schemas.classification import NOT_PERSONAL, Mask, NotPersonal, Pii
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.errors import ContractError
from headrace.schemas.message_rules.change_events import OP, POSITION, TIME
from headrace.schemas.model import Field, Kind, Optional, Scalar, Type

MAX_COLUMNS: Final = 100  # of one contract; a message has at most 100 attributes
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_COLUMN: Final = 'write {"attribute": "tenant-id", "pii": "none"}'


class FromMessage(Enum):
    """A part of a Pub/Sub message that has a column of a fixed name."""

    PUBLISHED_AT = "_published_at"
    MESSAGE_ID = "_message_id"
    ORDERING_KEY = "_ordering_key"


@dataclass(frozen=True, slots=True)
class FromAttribute:
    """The attribute *name* of a message."""

    name: str


@dataclass(frozen=True, slots=True)
class FromTimeAttribute:
    """The attribute *name* of a message, a time in RFC 3339. A text that is no time has no value."""

    name: str


Source: TypeAlias = FromMessage | FromAttribute | FromTimeAttribute


@dataclass(frozen=True, slots=True)
class MetadataColumn:
    """One column: its *field*, with its type and classification, and where its values are from."""

    field: Field
    source: Source


_TYPES: Final[Mapping[FromMessage, tuple[Type, str]]] = {
    FromMessage.PUBLISHED_AT: (Scalar(Kind.TIMESTAMP_MICROS), "When the event first reached Pub/Sub"),
    FromMessage.MESSAGE_ID: (Scalar(Kind.STRING), "Pub/Sub's id of the message"),
    FromMessage.ORDERING_KEY: (Optional(Scalar(Kind.STRING)), "The message's ordering key"),
}


def _of_change(name: str, kind: Kind, doc: str, source: Source) -> MetadataColumn:
    return MetadataColumn(Field(name, Optional(Scalar(kind)), doc, pii=NOT_PERSONAL), source)


CHANGE_COLUMNS: Final = (
    _of_change("_op", Kind.STRING, "What changed the row: c, u, d, or r for a snapshot", FromAttribute(OP)),
    _of_change("_op_at", Kind.TIMESTAMP_MICROS, "When the database changed the row", FromTimeAttribute(TIME)),
    _of_change(
        "_op_position",
        Kind.STRING,
        "Where the change is in the log of the database; later ones sort after earlier ones",
        FromAttribute(POSITION),
    ),
)


def parse_metadata(
    annotation: Mapping[str, Any], taken: Collection[str], parse_pii: Any, where: str
) -> tuple[MetadataColumn, ...]:
    """Read the annotation ``metadata``: the columns by name. *taken* are the names of the record's fields.

    *parse_pii* reads a classification, at its place.

    Raises:
        ContractError: a name or an annotation is invalid, or a column is not classified.
    """
    given = mapping_of(annotation.get("metadata", {}), f"{where}.metadata", f"map names of columns, and {_COLUMN}")
    if len(given) > MAX_COLUMNS:
        raise ContractError(f"{where}.metadata", f"more than {MAX_COLUMNS} columns", "remove some")
    lowered = {name.lower() for name in taken}
    columns = []
    for name, each in given.items():
        place = f"{where}.metadata.{name}"
        if name.lower() in lowered:
            raise ContractError(place, "named twice", "choose a name that no other column has")
        lowered.add(name.lower())
        columns.append(_column(name, mapping_of(each, place, _COLUMN), parse_pii, place))
    return tuple(columns)


def _column(name: str, given: Mapping[str, Any], parse_pii: Any, where: str) -> MetadataColumn:
    known = {member.value: member for member in FromMessage}
    if name in known:
        refuse_unknown(given, {"pii"}, where)
        type_, doc = _TYPES[known[name]]
        return MetadataColumn(Field(name, type_, doc, pii=_pii(given, parse_pii, where)), known[name])
    if not _NAME.fullmatch(name):
        raise ContractError(
            where,
            "invalid name",
            f"use at most 128 letters, digits and _, beginning with a letter, or one of {', '.join(known)}",
        )
    refuse_unknown(given, {"attribute", "pii"}, where)
    attribute = text_in(given, "attribute", where, _COLUMN)
    doc = f"The attribute {attribute} of the message"
    field = Field(name, Optional(Scalar(Kind.STRING)), doc, pii=_pii(given, parse_pii, where))
    return MetadataColumn(field, FromAttribute(attribute))


def _pii(given: Mapping[str, Any], parse_pii: Any, where: str) -> Pii | NotPersonal:
    if "pii" not in given:
        remedy = 'add "pii": "none", or "pii" with a kind and a mask'
        raise ContractError(where, "not classified", remedy, rule=Rule.PII_UNCLASSIFIED)
    pii: Pii | NotPersonal = parse_pii(given["pii"], f"{where}.pii")
    if isinstance(pii, Pii) and pii.mask is Mask.OMIT:
        raise ContractError(f"{where}.pii", "an omitted column", "remove the column")
    return pii
