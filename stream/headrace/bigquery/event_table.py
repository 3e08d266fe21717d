"""The Arrow and BigQuery types of each Avro type, and the BigQuery table of a contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
from google.cloud import bigquery

from headrace.bigquery.own_columns import (
    BOOL,
    BYTES,
    INSTANT,
    INT64,
    STRING,
    ColumnType,
    bigquery_columns,
    description,
    own_schema,
    plain_column,
    required,
)
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
from headrace.schemas.stored import stored
from headrace.util.json_columns import JSON_METADATA

TABLE_DOC: Final = 16_384  # characters of a description: cloud.google.com/bigquery/quotas#all_tables
PROVISION_MAKES: Final = "`headrace provision` makes tables and columns"  # the remedy for rows that do not fit


_MICROS = pa.timestamp("us")
_SCALARS: Final = {
    Kind.BOOLEAN: BOOL,
    Kind.INT: ColumnType(pa.int32(), "INT64"),
    Kind.LONG: INT64,
    Kind.FLOAT: ColumnType(pa.float32(), "FLOAT64"),
    Kind.DOUBLE: ColumnType(pa.float64(), "FLOAT64"),
    Kind.STRING: STRING,
    Kind.BYTES: BYTES,
    Kind.UUID: STRING,
    Kind.JSON: ColumnType(pa.string(), "JSON"),
    Kind.DATE: ColumnType(pa.date32(), "DATE"),
    Kind.TIME_MILLIS: ColumnType(pa.time64("us"), "TIME"),
    Kind.TIME_MICROS: ColumnType(pa.time64("us"), "TIME"),
    Kind.TIMESTAMP_MILLIS: INSTANT,
    Kind.TIMESTAMP_MICROS: INSTANT,
    Kind.LOCAL_TIMESTAMP_MILLIS: ColumnType(_MICROS, "DATETIME"),
    Kind.LOCAL_TIMESTAMP_MICROS: ColumnType(_MICROS, "DATETIME"),
}

_META_COLUMNS: Final = (
    required("_event_id", STRING, "Identity of the event, unique in this table"),
    required("_event_time", INSTANT, "When the event happened; the table is partitioned by it"),
    required("_ingested_at", INSTANT, "When the job decoded the event"),
    required("_schema_version", INT64, "Version of the contract with which the event was written"),
    required("_source", STRING, "The application that published the event"),
)
META_SCHEMA: Final = own_schema(_META_COLUMNS)


def arrow_type(type_: Type) -> pa.DataType:
    """Return the Arrow type of a contract's type. Whether a value may be null is a property of its field."""
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
    """Return the Arrow fields of a record's columns, in the record's order."""
    return pa.schema([_arrow_field(field.column, field.type) for field in stored(record).fields])


def bigquery_fields(record: Record) -> list[bigquery.SchemaField]:
    """Return the BigQuery columns of a record, with modes and descriptions."""
    return [_bigquery_field(field) for field in stored(record).fields]


def row_schema(contract: Contract) -> pa.Schema:
    """Return the Arrow schema of a contract's rows: the masked payload, derived columns, then Headrace's columns."""
    return pa.schema([*arrow_schema(contract.written), *META_SCHEMA])


def derived_columns(contract: Contract) -> frozenset[str]:
    """Return the names of the columns that a contract derives from others; no event has them."""
    return frozenset(derived.field.name for derived in contract.transformations.derived)


def table_for(contract: Contract, project: str, dataset: str) -> bigquery.Table:
    """Return the table that a contract describes."""
    options = contract.options
    columns = [*bigquery_fields(contract.written), *bigquery_columns(_META_COLUMNS)]
    table = bigquery.Table(f"{project}.{dataset}.{options.table}", columns)
    table.description = description(contract.doc, TABLE_DOC) or None
    table.time_partitioning = partitioning(options.partition, "_event_time", options.expire_after_days)
    table.require_partition_filter = options.require_partition_filter
    if options.cluster:
        table.clustering_fields = [contract.column(name) for name in options.cluster]
    return table


def schema_mismatches(existing: Sequence[bigquery.SchemaField], wanted: Sequence[bigquery.SchemaField]) -> list[str]:
    """Return why rows of *wanted* columns cannot be written to a table of *existing* ones; empty if they can."""
    return list(_schema_mismatches(existing, wanted, ""))


def case_clashes(
    existing: Sequence[bigquery.SchemaField], wanted: Sequence[bigquery.SchemaField]
) -> list[tuple[str, str]]:
    """Return pairs of existing and wanted names that differ only in case; for BigQuery each pair is one column."""
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
    """Return a column's type; where BigQuery has two names for a type, always the same one."""
    type_ = str(column.field_type)
    return _SYNONYMS.get(type_, type_)


def _arrow_field(name: str, type_: Type) -> pa.Field:
    is_json = bare(type_) == Scalar(Kind.JSON)
    metadata = JSON_METADATA if is_json else None
    return pa.field(name, arrow_type(type_), isinstance(type_, Optional), metadata)


def _column(type_: Type) -> ColumnType:
    match type_:
        case Scalar():
            return _SCALARS[type_.kind]
        case Enumeration():
            return STRING
        case Fixed():
            return BYTES
        case Decimal():
            return _decimal(type_)
        case _:
            raise TypeError(f"no column of one value: {type(type_).__name__}")


def _decimal(type_: Decimal) -> ColumnType:
    if type_.numeric:
        return ColumnType(pa.decimal128(type_.precision, type_.scale), "NUMERIC")
    return ColumnType(pa.decimal256(type_.precision, type_.scale), "BIGNUMERIC")


def _bigquery_field(field: Field) -> bigquery.SchemaField:
    type_ = bare(field.type)
    match type_:
        case Array():
            return _field_of(field.column, type_.items, "REPEATED", field.doc)
        case Map():
            key = plain_column("key", "STRING", "REQUIRED")
            value = _bigquery_field(Field("value", type_.values))
            return plain_column(field.column, "RECORD", "REPEATED", field.doc, [key, value])
        case _:
            return _field_of(field.column, type_, "NULLABLE" if field.optional else "REQUIRED", field.doc)


def _field_of(name: str, type_: Type, mode: str, doc: str) -> bigquery.SchemaField:
    if isinstance(type_, Record):
        return plain_column(name, "RECORD", mode, doc, bigquery_fields(type_))
    column = plain_column(name, _column(type_).bigquery, mode, doc)
    if not isinstance(type_, Decimal):
        return column
    limits = {"precision": type_.precision, "scale": type_.scale}
    return bigquery.SchemaField.from_api_repr({**column.to_api_repr(), **limits})


def partitioning(partition: Partition, field: str, days: int | None) -> bigquery.TimePartitioning:
    """Return a partitioning by *field* whose partitions expire after *days*, or never without *days*."""
    expiration = None if days is None else days * 86_400_000
    return bigquery.TimePartitioning(type_=partition.upper(), field=field, expiration_ms=expiration)
