"""Avro types as Arrow and BigQuery types, in one table, and the BigQuery table of a contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from google.cloud import bigquery

from headrace.schemas.annotations import Partition
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
    Scalar,
    Type,
    bare,
)
from headrace.schemas.registry import Contract

COLUMN_DOC: Final = 1_024  # characters of a description: cloud.google.com/bigquery/quotas#all_tables
TABLE_DOC: Final = 16_384
PROVISION_MAKES: Final = "`headrace provision` makes tables and columns"  # the remedy where rows do not fit


@dataclass(frozen=True, slots=True)
class _Column:
    arrow: pa.DataType
    bigquery: str


_MICROS = pa.timestamp("us")
INSTANT = _Column(pa.timestamp("us", "UTC"), "TIMESTAMP")
_SCALARS: Final = {
    Kind.BOOLEAN: _Column(pa.bool_(), "BOOL"),
    Kind.INT: _Column(pa.int32(), "INT64"),
    Kind.LONG: _Column(pa.int64(), "INT64"),
    Kind.FLOAT: _Column(pa.float32(), "FLOAT64"),
    Kind.DOUBLE: _Column(pa.float64(), "FLOAT64"),
    Kind.STRING: _Column(pa.string(), "STRING"),
    Kind.BYTES: _Column(pa.binary(), "BYTES"),
    Kind.UUID: _Column(pa.string(), "STRING"),
    Kind.DATE: _Column(pa.date32(), "DATE"),
    Kind.TIME_MILLIS: _Column(pa.time64("us"), "TIME"),
    Kind.TIME_MICROS: _Column(pa.time64("us"), "TIME"),
    Kind.TIMESTAMP_MILLIS: INSTANT,
    Kind.TIMESTAMP_MICROS: INSTANT,
    Kind.LOCAL_TIMESTAMP_MILLIS: _Column(_MICROS, "DATETIME"),
    Kind.LOCAL_TIMESTAMP_MICROS: _Column(_MICROS, "DATETIME"),
}
_TEXT: Final = _SCALARS[Kind.STRING]

META_SCHEMA: Final = pa.schema(
    [
        pa.field("_event_id", pa.string(), nullable=False),
        pa.field("_event_time", INSTANT.arrow, nullable=False),
        pa.field("_ingested_at", INSTANT.arrow, nullable=False),
        pa.field("_schema_version", pa.int64(), nullable=False),
        pa.field("_source", pa.string(), nullable=False),
    ]
)
_META_FIELDS: Final = (
    ("_event_id", "STRING", "Identity of the event: each stands here once"),
    ("_event_time", "TIMESTAMP", "When the event happened; the table is partitioned by it"),
    ("_ingested_at", "TIMESTAMP", "When the job decoded the event"),
    ("_schema_version", "INT64", "Version of the contract the event was written with"),
    ("_source", "STRING", "Who published the event"),
)


def arrow_type(type_: Type) -> pa.DataType:
    """The Arrow type of a contract's type; whether it may be null is a matter of its field."""
    match type_:
        case Optional():
            return arrow_type(type_.item)
        case Record():
            return pa.struct(list(arrow_schema(type_)))
        case Array():
            return pa.list_(_arrow_field("item", type_.items))
        case Map():
            entry = [pa.field("key", pa.string(), nullable=False), _arrow_field("value", type_.values)]
            return pa.list_(pa.field("item", pa.struct(entry), nullable=False))
        case _:
            return _column(type_).arrow


def arrow_schema(record: Record) -> pa.Schema:
    """The Arrow fields of a record, in its order."""
    return pa.schema([_arrow_field(field.name, field.type) for field in record.fields])


def bigquery_fields(record: Record) -> list[bigquery.SchemaField]:
    """The BigQuery columns of a record, with modes and descriptions."""
    return [_bigquery_field(field) for field in record.fields]


def row_schema(contract: Contract) -> pa.Schema:
    """The Arrow schema of a contract's rows: the payload after masking, derived columns, then our own."""
    return pa.schema([*arrow_schema(contract.written), *META_SCHEMA])


def derived_columns(contract: Contract) -> frozenset[str]:
    """The columns of a contract's table that no event has."""
    return frozenset(derived.field.name for derived in contract.transformations.derived)


def table_for(contract: Contract, project: str, dataset: str) -> bigquery.Table:
    """The table that a contract describes."""
    meta = [plain_column(name, type_, "REQUIRED", description) for name, type_, description in _META_FIELDS]
    options = contract.options
    table = bigquery.Table(f"{project}.{dataset}.{options.table}", [*bigquery_fields(contract.written), *meta])
    table.description = description(contract.doc, TABLE_DOC) or None
    table.time_partitioning = partitioning(options.partition, "_event_time", options.expire_after_days)
    table.require_partition_filter = options.require_partition_filter
    if options.cluster:
        table.clustering_fields = list(options.cluster)
    return table


def schema_mismatches(existing: Sequence[bigquery.SchemaField], wanted: Sequence[bigquery.SchemaField]) -> list[str]:
    """Say why no row of *wanted* columns can be written to a table of *existing* ones; nothing when they can."""
    return list(_schema_mismatches(existing, wanted, ""))


def case_clashes(
    existing: Sequence[bigquery.SchemaField], wanted: Sequence[bigquery.SchemaField]
) -> list[tuple[str, str]]:
    """Return the columns that both have, with names that differ in case alone: to BigQuery each pair is one column."""
    there = {column.name: column.name for column in existing}
    folded = {name.lower(): name for name in there}
    asked = [column.name for column in wanted if column.name not in there]
    return [(folded[name.lower()], name) for name in asked if name.lower() in folded]


def _schema_mismatches(
    existing: Sequence[bigquery.SchemaField], wanted: Sequence[bigquery.SchemaField], within: str
) -> Iterator[str]:
    there, asked = {column.name: column for column in existing}, {column.name: column for column in wanted}
    otherwise = {name: old for old, name in case_clashes(existing, wanted)}
    for name in asked:
        if name in otherwise:
            yield f"the table has the column {within}{name} as {within}{otherwise[name]}: rename one of them"
        elif name not in there:
            yield f"the table has no column {within}{name}"
    for name, column in asked.items():
        old = there.get(name)
        if old is None:
            continue
        if type_of(old) != type_of(column):
            yield f"column {within}{name} is {type_of(old)} there and {type_of(column)} in the contract"
        elif (old.mode == "REPEATED") != (column.mode == "REPEATED"):
            yield f"column {within}{name} is {old.mode} there and {column.mode} in the contract"
        elif old.fields and column.fields:
            yield from _schema_mismatches(old.fields, column.fields, f"{within}{name}.")
    required = [name for name, column in there.items() if column.mode == "REQUIRED"]
    for name in required:
        if name not in asked or asked[name].mode != "REQUIRED":
            yield f"column {within}{name} is REQUIRED there"


_SYNONYMS: Final = {"BOOLEAN": "BOOL", "INTEGER": "INT64", "FLOAT": "FLOAT64", "STRUCT": "RECORD"}


def type_of(column: bigquery.SchemaField) -> str:
    """A column's type, by one name where BigQuery has two."""
    type_ = str(column.field_type)
    return _SYNONYMS.get(type_, type_)


def _arrow_field(name: str, type_: Type) -> pa.Field:
    return pa.field(name, arrow_type(type_), nullable=isinstance(type_, Optional))


def _column(type_: Type) -> _Column:
    match type_:
        case Scalar():
            return _SCALARS[type_.kind]
        case Enumeration():
            return _TEXT
        case Fixed():
            return _SCALARS[Kind.BYTES]
        case Decimal():
            return _decimal(type_)
        case _:
            raise TypeError(f"no column of one value: {type(type_).__name__}")


def _decimal(type_: Decimal) -> _Column:
    if type_.numeric:
        return _Column(pa.decimal128(type_.precision, type_.scale), "NUMERIC")
    return _Column(pa.decimal256(type_.precision, type_.scale), "BIGNUMERIC")


def _bigquery_field(field: Field) -> bigquery.SchemaField:
    type_ = bare(field.type)
    match type_:
        case Array():
            return _field_of(field.name, type_.items, "REPEATED", field.doc)
        case Map():
            key = plain_column("key", "STRING", "REQUIRED")
            value = _bigquery_field(Field("value", type_.values))
            return plain_column(field.name, "RECORD", "REPEATED", field.doc, [key, value])
        case _:
            return _field_of(field.name, type_, "NULLABLE" if field.optional else "REQUIRED", field.doc)


def _field_of(name: str, type_: Type, mode: str, doc: str) -> bigquery.SchemaField:
    if isinstance(type_, Record):
        return plain_column(name, "RECORD", mode, doc, bigquery_fields(type_))
    column = plain_column(name, _column(type_).bigquery, mode, doc)
    if not isinstance(type_, Decimal):
        return column
    limits = {"precision": type_.precision, "scale": type_.scale}
    return bigquery.SchemaField.from_api_repr({**column.to_api_repr(), **limits})


def plain_column(
    name: str, type_: str, mode: str, doc: str = "", fields: Sequence[bigquery.SchemaField] = ()
) -> bigquery.SchemaField:
    """A column; the description goes by name, since SchemaField's fourth parameter is a default value in SQL."""
    described = {"description": description(doc, COLUMN_DOC)} if doc else {}
    return bigquery.SchemaField(name, type_, mode, fields=fields, **described)


def description(doc: str, at_most: int) -> str:
    """Return *doc* as BigQuery takes it: of at most so many characters, and one that is cut ends in "..."."""
    return doc if len(doc) <= at_most else f"{doc[: at_most - 3]}..."


def partitioning(partition: Partition, field: str, days: int | None) -> bigquery.TimePartitioning:
    """Partitions of *field*, each kept for *days*; None for ever."""
    expiration = None if days is None else days * 86_400_000
    return bigquery.TimePartitioning(type_=partition.upper(), field=field, expiration_ms=expiration)
