"""The Arrow and BigQuery types of each Avro type, and the BigQuery table of a contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
from google.cloud import bigquery

from headrace.bigquery.api_columns import column_of, schema_field
from headrace.bigquery.columns import TABLE_DOC, case_clashes, columns_of, description
from headrace.bigquery.own_columns import INSTANT, INT64, STRING, OwnColumn, bigquery_columns, own_schema
from headrace.bigquery.row_columns import OWN_COLUMNS
from headrace.schemas.annotations import Partition
from headrace.schemas.model import (
    Array,
    Decimal,
    Enumeration,
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

PROVISION_MAKES: Final = "`headrace provision` makes tables and columns"  # the remedy for rows that do not fit


_MICROS: Final = pa.timestamp("us")
_ARROW: Final = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INT: pa.int32(),
    Kind.LONG: pa.int64(),
    Kind.FLOAT: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.STRING: pa.string(),
    Kind.BYTES: pa.binary(),
    Kind.UUID: pa.string(),
    Kind.JSON: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.TIME_MILLIS: pa.time64("us"),
    Kind.TIME_MICROS: pa.time64("us"),
    Kind.TIMESTAMP_MILLIS: pa.timestamp("us", "UTC"),
    Kind.TIMESTAMP_MICROS: pa.timestamp("us", "UTC"),
    Kind.LOCAL_TIMESTAMP_MILLIS: _MICROS,
    Kind.LOCAL_TIMESTAMP_MICROS: _MICROS,
}

_OWN_TYPES: Final = {each.bigquery: each for each in (INSTANT, INT64, STRING)}
_META_COLUMNS: Final = tuple(
    OwnColumn(each.name, _OWN_TYPES[each.type], each.mode, each.description or "") for each in OWN_COLUMNS
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
            return _arrow_scalar(type_)


def arrow_schema(record: Record) -> pa.Schema:
    """Return the Arrow fields of a record's columns, in the record's order."""
    return pa.schema([_arrow_field(field.column, field.type) for field in stored(record).fields])


def bigquery_fields(record: Record) -> list[bigquery.SchemaField]:
    """Return the BigQuery columns of a record, with modes and descriptions."""
    return [schema_field(each) for each in columns_of(record)]


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


def _schema_mismatches(
    existing: Sequence[bigquery.SchemaField], wanted: Sequence[bigquery.SchemaField], within: str
) -> Iterator[str]:
    there, asked = {column.name: column for column in existing}, {column.name: column for column in wanted}
    otherwise = {name: old for old, name in case_clashes([*there], asked)}
    for name in asked:
        if name in otherwise:
            yield f"the table has the column {within}{name} as {within}{otherwise[name]}: rename one of them"
        elif name not in there:
            yield f"the table has no column {within}{name}"
    for name, column in asked.items():
        old = there.get(name)
        if old is None:
            continue
        have, want = column_of(old).standard_type, column_of(column).standard_type
        if have != want:
            yield f"column {within}{name} is {have} there and {want} in the contract"
        elif (old.mode == "REPEATED") != (column.mode == "REPEATED"):
            yield f"column {within}{name} is {old.mode} there and {column.mode} in the contract"
        elif old.fields and column.fields:
            yield from _schema_mismatches(old.fields, column.fields, f"{within}{name}.")
    required = [name for name, column in there.items() if column.mode == "REQUIRED"]
    for name in required:
        if name not in asked or asked[name].mode != "REQUIRED":
            yield f"column {within}{name} is REQUIRED there"


def _arrow_field(name: str, type_: Type) -> pa.Field:
    is_json = bare(type_) == Scalar(Kind.JSON)
    metadata = JSON_METADATA if is_json else None
    return pa.field(name, arrow_type(type_), isinstance(type_, Optional), metadata)


def _arrow_scalar(type_: Type) -> pa.DataType:
    match type_:
        case Scalar():
            return _ARROW[type_.kind]
        case Enumeration():
            return pa.string()
        case Fixed():
            return pa.binary()
        case Decimal():
            decimal = pa.decimal128 if type_.numeric else pa.decimal256
            return decimal(type_.precision, type_.scale)
        case _:
            raise TypeError(f"no column of one value: {type(type_).__name__}")


def partitioning(partition: Partition, field: str, days: int | None) -> bigquery.TimePartitioning:
    """Return a partitioning by *field* whose partitions expire after *days*, or never without *days*."""
    expiration = None if days is None else days * 86_400_000
    return bigquery.TimePartitioning(type_=partition.upper(), field=field, expiration_ms=expiration)
