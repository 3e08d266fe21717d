"""Arrow and BigQuery read one list of columns, so no table of ours can differ from the rows that go there."""

from __future__ import annotations

import pyarrow as pa
import pytest
from google.cloud import bigquery

from headrace.bigquery.event_table import META_SCHEMA, table_for
from headrace.bigquery.own_columns import (
    INSTANT,
    INT64,
    STRING,
    bigquery_columns,
    nullable,
    own_schema,
    repeated,
    required,
)
from headrace.bigquery.service_tables import ENGINES_SCHEMA, TALLY_SCHEMA, engines_table, tallies_table
from headrace.dead_letters.archive_tables import FACT_SCHEMA, LETTER_SCHEMA, TRAIL_SCHEMA, archive_tables
from headrace.schemas.registry import Registry
from tests.support.paths import ROOT

LETTERS, FACTS, TRAIL = archive_tables("p", "d")
BOOKING = Registry.load(ROOT / "schemas/avro").latest("booking_created")
EVENTS = table_for(BOOKING, "p", "d")
NAMES = {
    "BOOL": pa.bool_(),
    "BYTES": pa.binary(),
    "INT64": pa.int64(),
    "STRING": pa.string(),
    "TIMESTAMP": INSTANT.arrow,
}


def test_each_way_to_declare_a_column_gives_both() -> None:
    columns = (
        required("id", STRING, "Identity"),
        nullable("at", INSTANT, "Time"),
        repeated("names", STRING, "Names"),
        repeated("parts", (nullable("n", INT64, "Number"),), "Parts"),
    )
    assert own_schema(columns) == pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("at", pa.timestamp("us", "UTC")),
            pa.field("names", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False),
            pa.field(
                "parts",
                pa.list_(pa.field("item", pa.struct([pa.field("n", pa.int64())]), nullable=False)),
                nullable=False,
            ),
        ]
    )
    assert [each.to_api_repr() for each in bigquery_columns(columns)] == [
        {"name": "id", "type": "STRING", "mode": "REQUIRED", "description": "Identity"},
        {"name": "at", "type": "TIMESTAMP", "mode": "NULLABLE", "description": "Time"},
        {"name": "names", "type": "STRING", "mode": "REPEATED", "description": "Names"},
        {
            "name": "parts",
            "type": "RECORD",
            "mode": "REPEATED",
            "description": "Parts",
            "fields": [{"name": "n", "type": "INT64", "mode": "NULLABLE", "description": "Number"}],
        },
    ]


@pytest.mark.parametrize(
    ("schema", "columns"),
    [
        pytest.param(TALLY_SCHEMA, tallies_table("p", "d").schema, id="tallies"),
        pytest.param(ENGINES_SCHEMA, engines_table("p", "d").schema, id="engines"),
        pytest.param(LETTER_SCHEMA, LETTERS.schema, id="letters"),
        pytest.param(FACT_SCHEMA, FACTS.schema, id="facts"),
        pytest.param(TRAIL_SCHEMA, TRAIL.schema, id="trail"),
        pytest.param(META_SCHEMA, EVENTS.schema[-len(META_SCHEMA) :], id="events"),
    ],
)
def test_the_rows_of_each_of_our_tables_fit_it(schema: pa.Schema, columns: list[bigquery.SchemaField]) -> None:
    assert list(schema) == [_arrow(each) for each in columns]


def _arrow(column: bigquery.SchemaField) -> pa.Field:
    type_ = NAMES.get(column.field_type) or pa.struct([_arrow(each) for each in column.fields])
    if column.mode == "REPEATED":
        type_ = pa.list_(pa.field("item", type_, nullable=False))
    return pa.field(column.name, type_, nullable=column.mode == "NULLABLE")
