"""The BigQuery emulator, as its launcher repairs it, answers as BigQuery does where other clients rely on it."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import grpc
import pyarrow as pa
import pytest
from google.api_core.exceptions import BadRequest
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types

from headrace.bigquery.refusal_words import EMULATOR_LIMIT
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, open_bigquery
from headrace.schemas.registry import Registry
from tests.integration.test_service import a_message
from tests.support.builders import a_contract, a_decimal
from tests.support.service import a_service

pytestmark = pytest.mark.emulators
# https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords
# fmt: off
RESERVED = [
    "all", "and", "any", "array", "as", "asc", "assert_rows_modified", "at", "between", "by", "case", "cast",
    "collate", "contains", "create", "cross", "cube", "current", "default", "define", "desc", "distinct", "else",
    "end", "enum", "escape", "except", "exclude", "exists", "extract", "false", "fetch", "following", "for", "from",
    "full", "group", "grouping", "groups", "hash", "having", "if", "ignore", "in", "inner", "intersect", "interval",
    "into", "is", "join", "lateral", "left", "like", "limit", "lookup", "merge", "natural", "new", "no", "not",
    "null", "nulls", "of", "on", "or", "order", "outer", "over", "partition", "preceding", "proto", "qualify",
    "range", "recursive", "respect", "right", "rollup", "rows", "select", "set", "some", "struct", "tablesample",
    "then", "to", "treat", "true", "unbounded", "union", "unnest", "using", "when", "where", "window", "with",
    "within"
]
# fmt: on
COLUMNS = [
    bigquery.SchemaField("id", "STRING", "REQUIRED"),
    bigquery.SchemaField("n", "INTEGER"),
    bigquery.SchemaField("ok", "BOOLEAN"),
    bigquery.SchemaField("x", "FLOAT"),
    bigquery.SchemaField("item", "RECORD", fields=[bigquery.SchemaField("count", "INTEGER", "REQUIRED")]),
]


@pytest.fixture
def table(project: str) -> bigquery.Table:
    client = open_bigquery(project)
    client.create_dataset("d")
    return client.create_table(bigquery.Table(f"{project}.d.t", COLUMNS))


def insert_all(table: bigquery.Table, *rows: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Send a request as Beam's Java client does: as JSON, without any field that is not needed."""
    place = f"projects/{table.project}/datasets/d/tables/t/insertAll"
    body = {"rows": [{"json": row} for row in rows], **options}
    request = urllib.request.Request(
        f"http://{os.environ[BIGQUERY].removeprefix('http://')}/bigquery/v2/{place}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def stored(table: bigquery.Table) -> list[dict[str, Any]]:
    return [dict(row.items()) for row in open_bigquery(table.project).query_and_wait("SELECT * FROM d.t ORDER BY id")]


def errors(answer: dict[str, Any]) -> dict[int, tuple[str, str]]:
    return {
        each["index"]: (each["errors"][0]["reason"], each["errors"][0]["location"]) for each in answer["insertErrors"]
    }


def test_reserved_words_are_names_of_columns_at_every_depth(project: str) -> None:
    inner = {"type": "record", "name": "Inner", "fields": [{"name": each, "type": "string"} for each in RESERVED]}
    contract = a_contract(
        *((each, "string") for each in RESERVED if each != "at"),
        ("home", inner),
        ("many", {"type": "array", "items": "Inner"}),
    )
    service = a_service(project, Registry({contract.ref: contract}))
    nested = {each: f"inner {each}" for each in RESERVED}
    fields = {each: each for each in RESERVED} | {"at": datetime.now(UTC), "home": nested, "many": [nested]}

    service.publish("thing_happened", [a_message(contract, fields, "an-id")])
    service.run_until(acknowledged=1)

    (row,) = service.rows("things")
    assert row["home"] == row["many"][0] == nested
    assert {name: row[name] for name in RESERVED if name != "at"} == {name: name for name in RESERVED if name != "at"}
    assert service.rows("things", "home.from AS f, home.`select` AS s") == [{"f": "inner from", "s": "inner select"}]


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (Decimal("99999999999999999999.999999999999999999"), True),
        (-(Decimal(10) ** 20), False),
        (Decimal(10) ** 37, False),
        (Decimal("1e-18"), True),
        (Decimal("1e-19"), False),
    ],
)
def test_a_bignumeric_beyond_the_emulator_is_refused_as_a_limit_of_the_emulator(
    project: str, value: Decimal, fits: bool
) -> None:
    price = {"type": "record", "name": "Price", "fields": [{"name": "amount", "type": a_decimal(76, 38)}]}
    contract = a_contract(("prices", {"type": "array", "items": price}))
    service = a_service(project, Registry({contract.ref: contract}))
    fields = {"at": datetime.now(UTC), "prices": [{"amount": Decimal(1)}, {"amount": value}]}

    good = {**fields, "prices": []}
    service.publish("thing_happened", [a_message(contract, fields, "an-id"), a_message(contract, good, "good")])
    service.run_until(acknowledged=2)

    stored = {row["_event_id"]: row["prices"] for row in service.rows("things")}
    if fits:
        assert stored["an-id"][1]["amount"] == value
        return
    assert [*stored] == ["good"]
    (letter,) = service.dead_letters(1)
    detail = f"BigQuery refused the row: INVALID_ARGUMENT in column prices.amount; {EMULATOR_LIMIT}"
    assert letter.attributes["headrace-dl-error"] == detail


def test_numbers_and_booleans_may_be_text(table: bigquery.Table) -> None:
    row = {"id": "a", "n": "-5", "ok": "true", "x": "1.5", "item": {"count": "7"}}

    assert insert_all(table, row)["insertErrors"] == []

    assert stored(table) == [{"id": "a", "n": -5, "ok": True, "x": 1.5, "item": {"count": 7}}]


INVALID = [
    pytest.param({"id": "b", "n": "five"}, "n", id="no number"),
    pytest.param({"id": "b", "ok": "yes"}, "ok", id="no boolean"),
    pytest.param({"n": 1}, "id", id="without a required column"),
    pytest.param({"id": None}, "id", id="null in a required column"),
    pytest.param({"id": "b", "item": {}}, "count", id="without a required column of a record"),
    pytest.param({"id": "b", "other": 1}, "other", id="an unknown column"),
]


@pytest.mark.parametrize(("row", "place"), INVALID)
def test_an_invalid_row_is_an_insert_error_and_stops_the_others(
    table: bigquery.Table, row: dict[str, Any], place: str
) -> None:
    answer = insert_all(table, {"id": "a"}, row)

    assert errors(answer) == {0: ("stopped", ""), 1: ("invalid", place)}
    assert stored(table) == []


@pytest.mark.parametrize(("row", "place"), INVALID)
def test_an_invalid_row_that_may_be_skipped_stops_nothing(
    table: bigquery.Table, row: dict[str, Any], place: str
) -> None:
    answer = insert_all(table, {"id": "a"}, row, skipInvalidRows=True)

    assert errors(answer) == {1: ("invalid", place)}
    assert [each["id"] for each in stored(table)] == ["a"]


def test_unknown_values_may_be_ignored(table: bigquery.Table) -> None:
    assert insert_all(table, {"id": "a", "other": 1}, ignoreUnknownValues=True)["insertErrors"] == []

    assert [each["id"] for each in stored(table)] == ["a"]


def test_later_requests_of_a_connection_need_not_name_the_stream(table: bigquery.Table) -> None:
    #  as Go's client sends them: stream and schema in the first request alone
    rows = pa.record_batch({"id": pa.array(["a"])}, pa.schema([pa.field("id", pa.string(), nullable=False)]))
    path = f"projects/{table.project}/datasets/d/tables/t/streams/_default"

    def requests() -> Iterator[bytes]:
        batch = rows.serialize().to_pybytes()
        data = types.AppendRowsRequest.ArrowData(
            writer_schema=types.ArrowSchema(serialized_schema=rows.schema.serialize().to_pybytes()),
            rows=types.ArrowRecordBatch(serialized_record_batch=batch),
        )
        yield types.AppendRowsRequest.serialize(types.AppendRowsRequest(write_stream=path, arrow_rows=data))
        data = types.AppendRowsRequest.ArrowData(rows=types.ArrowRecordBatch(serialized_record_batch=batch))
        for _ in range(2):
            yield types.AppendRowsRequest.serialize(types.AppendRowsRequest(arrow_rows=data))

    with grpc.insecure_channel(os.environ[BIGQUERY_STORAGE]) as channel:
        append: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            "/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows"
        )
        answers = [types.AppendRowsResponse.deserialize(each) for each in append(requests(), timeout=30)]

    assert [answer.error.message for answer in answers] == ["", "", ""]
    assert [each["id"] for each in stored(table)] == ["a", "a", "a"]


REFUSED = [
    pytest.param([*COLUMNS, bigquery.SchemaField("new", "STRING", "REQUIRED")], "add required", id="required"),
    pytest.param([*COLUMNS, bigquery.SchemaField("N", "STRING")], "already exists", id="in another case"),
    pytest.param(COLUMNS[1:], "id is missing", id="missing"),
    pytest.param([COLUMNS[0], bigquery.SchemaField("n", "FLOAT"), *COLUMNS[2:]], "changed type", id="another type"),
    pytest.param(
        [COLUMNS[0], bigquery.SchemaField("n", "INTEGER", "REPEATED"), *COLUMNS[2:]], "changed mode", id="another mode"
    ),
    pytest.param(
        [*COLUMNS[:4], bigquery.SchemaField("item", "RECORD", fields=[bigquery.SchemaField("b", "STRING")])],
        "item.count is missing",
        id="missing in a record",
    ),
]


@pytest.mark.parametrize(("columns", "words"), REFUSED)
def test_what_bigquery_cannot_change_is_refused(
    table: bigquery.Table, columns: list[bigquery.SchemaField], words: str
) -> None:
    table.schema = columns

    with pytest.raises(BadRequest, match=words):
        open_bigquery(table.project).update_table(table, ["schema"])


def test_the_partition_filter_may_be_changed_alone(project: str) -> None:
    client = open_bigquery(project)
    client.create_dataset("d")
    table = bigquery.Table(f"{project}.d.t", [bigquery.SchemaField("at", "TIMESTAMP")])
    table.time_partitioning = bigquery.TimePartitioning(field="at", expiration_ms=3_600_000)
    made = client.create_table(table)

    for wanted in (True, False):
        made.require_partition_filter = wanted
        made = client.update_table(made, ["require_partition_filter"])

        assert (made.require_partition_filter, made.time_partitioning.expiration_ms) == (wanted, 3_600_000)
