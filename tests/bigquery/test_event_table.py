"""One table of type mappings: Avro as Arrow and BigQuery."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from google.cloud import bigquery

from headrace.bigquery.event_table import META_SCHEMA, arrow_schema, bigquery_fields, row_schema, table_for
from headrace.bigquery.service_tables import TALLY_SCHEMA, tallies_table
from headrace.schemas.annotations import Partition
from headrace.schemas.registry import Contract
from tests.support.builders import BOOKING, a_contract, a_decimal, a_record

MICROS, INSTANT = pa.timestamp("us"), pa.timestamp("us", "UTC")


def logical(base: str, name: str) -> dict[str, str]:
    return {"type": base, "logicalType": name}


def columns(contract: Contract) -> dict[str, bigquery.SchemaField]:
    return {column.name: column for column in table_for(contract, "a-project", "a_dataset").schema}


def shape(column: bigquery.SchemaField) -> Any:
    """Type and mode, and those of the columns inside."""
    nested = {each.name: shape(each) for each in column.fields}
    return (column.field_type, column.mode, nested) if nested else (column.field_type, column.mode)


SCALARS = [
    pytest.param("boolean", pa.bool_(), "BOOL", id="boolean"),
    pytest.param("int", pa.int32(), "INT64", id="int"),
    pytest.param("long", pa.int64(), "INT64", id="long"),
    pytest.param("float", pa.float32(), "FLOAT64", id="float"),
    pytest.param("double", pa.float64(), "FLOAT64", id="double"),
    pytest.param("string", pa.string(), "STRING", id="string"),
    pytest.param("bytes", pa.binary(), "BYTES", id="bytes"),
    pytest.param({"type": "fixed", "name": "Four", "size": 4}, pa.binary(), "BYTES", id="fixed"),
    pytest.param({"type": "enum", "name": "Colour", "symbols": ["RED"]}, pa.string(), "STRING", id="enum"),
    pytest.param(logical("string", "uuid"), pa.string(), "STRING", id="uuid"),
    pytest.param(logical("int", "date"), pa.date32(), "DATE", id="date"),
    pytest.param(logical("int", "time-millis"), pa.time64("us"), "TIME", id="time in milliseconds"),
    pytest.param(logical("long", "time-micros"), pa.time64("us"), "TIME", id="time in microseconds"),
    pytest.param(logical("long", "timestamp-millis"), INSTANT, "TIMESTAMP", id="instant in milliseconds"),
    pytest.param(logical("long", "timestamp-micros"), INSTANT, "TIMESTAMP", id="instant in microseconds"),
    pytest.param(logical("long", "local-timestamp-millis"), MICROS, "DATETIME", id="wall clock in milliseconds"),
    pytest.param(logical("long", "local-timestamp-micros"), MICROS, "DATETIME", id="wall clock in microseconds"),
]


@pytest.mark.parametrize(("avro", "arrow", "sql"), SCALARS)
def test_a_scalar_has_one_arrow_type_and_one_column_type(avro: Any, arrow: pa.DataType, sql: str) -> None:
    contract = a_contract(("value", avro))

    assert arrow_schema(contract.record).field("value") == pa.field("value", arrow, nullable=False)
    assert shape(columns(contract)["value"]) == (sql, "REQUIRED")


@pytest.mark.parametrize("union", [["null", "long"], ["long", "null"]])
def test_what_may_be_null_is_a_nullable_column(union: list[str]) -> None:
    contract = a_contract(("value", union))

    assert arrow_schema(contract.record).field("value").nullable
    assert shape(columns(contract)["value"]) == ("INT64", "NULLABLE")


@pytest.mark.parametrize(
    ("precision", "scale", "sql", "arrow"),
    [
        pytest.param(38, 9, "NUMERIC", pa.decimal128(38, 9), id="the largest NUMERIC"),
        pytest.param(29, 0, "NUMERIC", pa.decimal128(29, 0), id="29 whole digits"),
        pytest.param(30, 0, "BIGNUMERIC", pa.decimal256(30, 0), id="30 whole digits"),
        pytest.param(9, 9, "NUMERIC", pa.decimal128(9, 9), id="9 digits after the point"),
        pytest.param(10, 10, "BIGNUMERIC", pa.decimal256(10, 10), id="10 digits after the point"),
        pytest.param(38, 38, "BIGNUMERIC", pa.decimal256(38, 38), id="38 digits after the point"),
    ],
)
def test_a_decimal_is_numeric_while_it_fits(precision: int, scale: int, sql: str, arrow: pa.DataType) -> None:
    contract = a_contract(("value", a_decimal(precision, scale)))

    column = columns(contract)["value"]
    assert (column.field_type, column.precision, column.scale) == (sql, precision, scale)
    assert arrow_schema(contract.record).field("value").type == arrow


def test_arrays_maps_and_records_nest() -> None:
    item = a_record("Item", ("name", "string"), ("price", ["null", a_decimal(10, 2)]))
    contract = a_contract(
        ("item", item),
        ("items", {"type": "array", "items": "Item"}),
        ("words", {"type": "array", "items": "string"}),
        ("prices", {"type": "map", "values": a_decimal(10, 2)}),
    )

    nested = {"name": ("STRING", "REQUIRED"), "price": ("NUMERIC", "NULLABLE")}
    entry = {"key": ("STRING", "REQUIRED"), "value": ("NUMERIC", "REQUIRED")}
    found = {name: shape(column) for name, column in columns(contract).items()}
    assert found["item"] == ("RECORD", "REQUIRED", nested)
    assert found["items"] == ("RECORD", "REPEATED", nested)
    assert found["words"] == ("STRING", "REPEATED")
    assert found["prices"] == ("RECORD", "REPEATED", entry)


def test_what_has_no_column_of_its_own_becomes_a_struct() -> None:
    card = a_record("Card", ("number", "string"))
    contract = a_contract(
        ("words", {"type": "array", "items": ["null", "string"]}),
        ("grid", {"type": "array", "items": {"type": "array", "items": "long"}}),
        ("groups", {"type": "map", "values": {"type": "array", "items": "string"}}),
        ("tags", ["null", {"type": "array", "items": "string"}], {"is_null_column": True}),
        ("payment", ["string", card, {"type": "map", "values": "int"}]),
        ("perhaps", ["null", "long", "Card"]),
    )

    entry = {"key": ("STRING", "REQUIRED"), "value": ("STRING", "REPEATED")}
    numbers = {"key": ("STRING", "REQUIRED"), "value": ("INT64", "REQUIRED")}
    is_card = ("RECORD", "NULLABLE", {"number": ("STRING", "REQUIRED")})
    found = {name: shape(column) for name, column in columns(contract).items()}
    assert found["words"] == ("RECORD", "REPEATED", {"value": ("STRING", "NULLABLE")})
    assert found["grid"] == ("RECORD", "REPEATED", {"items": ("INT64", "REPEATED")})
    assert found["groups"] == ("RECORD", "REPEATED", entry)
    assert (found["tags"], found["tags_is_null"]) == (("STRING", "REPEATED"), ("BOOL", "REQUIRED"))
    assert found["payment"] == (
        "RECORD",
        "REQUIRED",
        {
            "string_value": ("STRING", "NULLABLE"),
            "Card_value": is_card,
            "map_value": ("RECORD", "REPEATED", numbers),
        },
    )
    assert found["perhaps"] == ("RECORD", "NULLABLE", {"long_value": ("INT64", "NULLABLE"), "Card_value": is_card})


def test_arrow_and_bigquery_name_the_same_columns_in_the_same_order() -> None:
    table = table_for(BOOKING, "a-project", "a_dataset")

    assert row_schema(BOOKING).names == [column.name for column in table.schema]
    assert row_schema(BOOKING).names[-5:] == META_SCHEMA.names
    assert TALLY_SCHEMA.names == [column.name for column in tallies_table("a-project", "a_dataset").schema]


def every(fields: Any) -> list[bigquery.SchemaField]:
    return [each for field in fields for each in (field, *every(field.fields))]


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(table_for(BOOKING, "a-project", "a_dataset"), id="events"),
        pytest.param(tallies_table("a-project", "a_dataset"), id="tallies"),
    ],
)
def test_words_about_a_column_are_its_description_and_never_a_default_value(table: bigquery.Table) -> None:
    everything = every(table.schema)

    assert not [column.name for column in everything if column.default_value_expression is not None]
    assert {column.name for column in everything if not column.description} <= {"key", "value"}  # of maps


def test_the_contract_describes_nested_fields_too() -> None:
    fields = {"name": "item", "doc": "What", "type": a_record("Item", {"name": "size", "type": "int", "doc": "Metres"})}

    (item, _) = bigquery_fields(a_contract(fields).record)

    assert (item.description, item.fields[0].description) == ("What", "Metres")


@pytest.mark.parametrize("partition", list(Partition))
def test_a_table_is_cut_by_event_time_as_the_contract_says(partition: Partition) -> None:
    contract = a_contract(
        ("city", "string"),
        partition=partition.value,
        cluster=["city"],
        expire_after_days=90,
        require_partition_filter=True,
    )

    table = table_for(contract, "a-project", "a_dataset")

    assert table.time_partitioning.type_ == partition.upper()
    assert table.time_partitioning.field == "_event_time"
    assert table.time_partitioning.expiration_ms == 90 * 86_400_000
    assert table.clustering_fields == ["city"]
    assert table.require_partition_filter is True


def test_without_options_nothing_expires_and_no_filter_is_required() -> None:
    table = table_for(a_contract(("city", "string")), "a-project", "a_dataset")

    assert table.time_partitioning.expiration_ms is None
    assert table.clustering_fields is None
    assert table.require_partition_filter is False
