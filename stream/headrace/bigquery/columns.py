"""The columns of a contract's table as data, without Arrow and without Google's client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headrace.schemas.model import (
    Array,
    Decimal,
    Enumeration,
    Field,
    Fixed,
    Kind,
    Map,
    Record,
    Scalar,
    Type,
    bare,
)
from headrace.schemas.stored import stored

# characters of a description of a column and of a table: cloud.google.com/bigquery/quotas#all_tables
COLUMN_DOC: Final = 1_024
TABLE_DOC: Final = 16_384
_SYNONYMS: Final = {"BOOLEAN": "BOOL", "INTEGER": "INT64", "FLOAT": "FLOAT64", "STRUCT": "RECORD"}
_KINDS: Final = {
    Kind.BOOLEAN: "BOOL",
    Kind.INT: "INT64",
    Kind.LONG: "INT64",
    Kind.FLOAT: "FLOAT64",
    Kind.DOUBLE: "FLOAT64",
    Kind.STRING: "STRING",
    Kind.BYTES: "BYTES",
    Kind.UUID: "STRING",
    Kind.JSON: "JSON",
    Kind.DATE: "DATE",
    Kind.TIME_MILLIS: "TIME",
    Kind.TIME_MICROS: "TIME",
    Kind.TIMESTAMP_MILLIS: "TIMESTAMP",
    Kind.TIMESTAMP_MICROS: "TIMESTAMP",
    Kind.LOCAL_TIMESTAMP_MILLIS: "DATETIME",
    Kind.LOCAL_TIMESTAMP_MICROS: "DATETIME",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. *others* are further properties by their names in BigQuery's API, such as policy tags."""

    name: str
    type: str
    mode: str
    description: str | None = None
    fields: tuple[Column, ...] = ()
    precision: int | None = None
    scale: int | None = None
    others: Mapping[str, Any] | None = None

    @property
    def standard_type(self) -> str:
        """The type; where BigQuery has two names for a type, always the same one."""
        return _SYNONYMS.get(self.type, self.type)

    def __str__(self) -> str:
        """Return the type as people write it, such as ``REPEATED NUMERIC(10, 2)``."""
        limits = "" if self.precision is None else f"({self.precision}, {self.scale or 0})"
        return f"{'REPEATED ' if self.mode == 'REPEATED' else ''}{self.standard_type}{limits}"


def columns_of(record: Record) -> list[Column]:
    """Return the columns of a record, with modes and descriptions."""
    return [_column(field) for field in stored(record).fields]


def case_clashes(existing: Sequence[str], wanted: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of existing and wanted names that differ only in case; for BigQuery each pair is one column."""
    there, folded = set(existing), {name.lower(): name for name in existing}
    return [(folded[name.lower()], name) for name in wanted if name not in there and name.lower() in folded]


def description(doc: str, at_most: int = COLUMN_DOC) -> str:
    """Return *doc*, shortened to *at_most* characters; a shortened text ends in "..."."""
    return doc if len(doc) <= at_most else f"{doc[: at_most - 3]}..."


def _column(field: Field) -> Column:
    type_ = bare(field.type)
    doc = description(field.doc) if field.doc else None
    match type_:
        case Array():
            return _of_values(field.column, type_.items, "REPEATED", doc)
        case Map():
            entry = (Column("key", "STRING", "REQUIRED"), _column(Field("value", type_.values)))
            return Column(field.column, "RECORD", "REPEATED", doc, entry)
        case _:
            return _of_values(field.column, type_, "NULLABLE" if field.optional else "REQUIRED", doc)


def _of_values(name: str, type_: Type, mode: str, doc: str | None) -> Column:
    match type_:
        case Record():
            return Column(name, "RECORD", mode, doc, tuple(columns_of(type_)))
        case Decimal():
            numeric = "NUMERIC" if type_.numeric else "BIGNUMERIC"
            return Column(name, numeric, mode, doc, precision=type_.precision, scale=type_.scale)
        case Scalar():
            return Column(name, _KINDS[type_.kind], mode, doc)
        case Enumeration():
            return Column(name, "STRING", mode, doc)
        case Fixed():
            return Column(name, "BYTES", mode, doc)
        case _:
            raise TypeError(f"no column of one value: {type(type_).__name__}")
