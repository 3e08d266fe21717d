"""Columns that Headrace itself defines. Each is declared once, for Arrow and for BigQuery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pyarrow as pa
from google.cloud import bigquery

from headrace.bigquery.columns import description


@dataclass(frozen=True, slots=True)
class ColumnType:
    """The type of a single value, in Arrow and in BigQuery."""

    arrow: pa.DataType
    bigquery: str


BOOL: Final = ColumnType(pa.bool_(), "BOOL")
BYTES: Final = ColumnType(pa.binary(), "BYTES")
INSTANT: Final = ColumnType(pa.timestamp("us", "UTC"), "TIMESTAMP")
INT64: Final = ColumnType(pa.int64(), "INT64")
STRING: Final = ColumnType(pa.string(), "STRING")


@dataclass(frozen=True, slots=True)
class OwnColumn:
    """A column that Headrace defines. It is a record if *type* is a tuple of columns."""

    name: str
    type: ColumnType | tuple[OwnColumn, ...]
    mode: str
    doc: str

    @property
    def arrow(self) -> pa.Field:
        """The column as an Arrow field."""
        type_ = pa.struct([each.arrow for each in self.type]) if isinstance(self.type, tuple) else self.type.arrow
        if self.mode == "REPEATED":
            type_ = pa.list_(pa.field("item", type_, nullable=False))
        return pa.field(self.name, type_, nullable=self.mode == "NULLABLE")

    @property
    def bigquery(self) -> bigquery.SchemaField:
        """The column for BigQuery's API."""
        if isinstance(self.type, tuple):
            return plain_column(self.name, "RECORD", self.mode, self.doc, bigquery_columns(self.type))
        return plain_column(self.name, self.type.bigquery, self.mode, self.doc)


OwnColumns: TypeAlias = tuple[OwnColumn, ...]


def required(name: str, type_: ColumnType, doc: str) -> OwnColumn:
    """Declare a column that has a value in each row."""
    return OwnColumn(name, type_, "REQUIRED", doc)


def nullable(name: str, type_: ColumnType, doc: str) -> OwnColumn:
    """Declare a column that may be null."""
    return OwnColumn(name, type_, "NULLABLE", doc)


def repeated(name: str, type_: ColumnType | OwnColumns, doc: str) -> OwnColumn:
    """Declare a column of several values, or of several records."""
    return OwnColumn(name, type_, "REPEATED", doc)


def own_schema(columns: OwnColumns) -> pa.Schema:
    """Return the Arrow schema of *columns*."""
    return pa.schema([each.arrow for each in columns])


def bigquery_columns(columns: OwnColumns) -> list[bigquery.SchemaField]:
    """Return *columns* for BigQuery's API."""
    return [each.bigquery for each in columns]


def plain_column(
    name: str, type_: str, mode: str, doc: str = "", fields: Sequence[bigquery.SchemaField] = ()
) -> bigquery.SchemaField:
    """Return a column. The description is passed by name because SchemaField's fourth parameter is a default value."""
    described: dict[str, Any] = {"description": description(doc)} if doc else {}
    return bigquery.SchemaField(name, type_, mode, fields=fields, **described)
