"""Which rows a table is asked about, and what it says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from google.cloud.bigquery import SchemaField

from headrace.bigquery.existing_rows import SKEW_MICROSECONDS, StoredRows, StoredTallies, compare_old, remembered_since
from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.schemas.envelope import to_micros
from tests.support.asked_tables import NOW, AskedTable, AskedTables
from tests.support.builders import a_contract

SINCE = 1_000
INSTANT = pa.timestamp("us", "UTC")
DOUBLED = {"name": "doubled", "type": "long", "expression": "n * 2"}
THING = a_contract(("n", "long", {"default": 7}), derived=[DOUBLED])
THINGS = pa.schema(
    [
        ("_event_id", pa.string()),
        ("_event_time", INSTANT),
        ("_ingested_at", INSTANT),
        ("_schema_version", pa.int64()),
        ("_source", pa.string()),
        ("n", pa.int64()),
        ("doubled", pa.int64()),
    ]
)


def a_batch(*published: tuple[int, int]) -> MicroBatch:
    """Rows of messages published at the first time of each pair, and for the first time at the second."""
    count = len(published)
    columns = [[bytes(16)] * count, [0] * count, [0] * count, *zip(*published, strict=True), [0] * count, range(count)]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, NOTES, strict=True)]
    rows = pa.RecordBatch.from_pydict({"n": list(range(count))})
    return MicroBatch("flight_departed", rows, pa.RecordBatch.from_arrays(arrays, schema=NOTES), b"")


def test_the_table_is_asked_about_old_messages_and_about_every_replay() -> None:
    asked: list[int] = []

    def compare(rows: pa.RecordBatch) -> dict[int, bool]:
        asked.extend(rows.column("n").to_pylist())
        return {1: True, 2: False}

    #                 old          new            replayed, both old and new at first
    batch = a_batch((1_000, 1_000), (1_001, 1_001), (2_000, 900), (2_000, 1_900))
    assert compare_old(batch, SINCE, compare) == {2: True, 3: False}
    assert asked == [0, 2, 3]


def test_the_table_is_not_asked_when_no_message_is_old() -> None:
    assert compare_old(a_batch((1_001, 1_001)), SINCE, lambda rows: pytest.fail("asked")) == {}


def a_row(event_id: str, n: int | None = 1, at: datetime = NOW, **others: Any) -> dict[str, Any]:
    """A row of a thing; *doubled* is derived."""
    return {
        "_event_id": event_id,
        "_event_time": at,
        "_ingested_at": NOW,
        "_schema_version": 1,
        "_source": "a shop",
        "n": n,
        "doubled": None if n is None else 2 * n,
    } | others


def rows(*each: dict[str, Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(each), schema=THINGS)


def a_table(*held: dict[str, Any]) -> tuple[StoredRows, AskedTables]:
    """A table of things that holds these rows, and the service it is asked at."""
    columns = [SchemaField("_event_id", "STRING", "REQUIRED")]
    client: Any = AskedTables(things=AskedTable(lambda: list(held), columns, schema=THINGS))
    return StoredRows(client, "`p.d.things`", THING), client


def test_rows_are_found_by_their_ids_and_counted() -> None:
    table, _ = a_table(a_row("b"), a_row("d"), a_row("of another batch"))
    asked = rows(a_row("a"), a_row("b"), a_row("c"), a_row("d"))
    assert (table.find(asked), table.count(asked)) == ([1, 3], 2)


@pytest.mark.parametrize(
    ("at", "found"),
    [
        pytest.param(datetime(2026, 3, 13, 23, 59, 59, 999_999, UTC), 0, id="the day before"),
        pytest.param(datetime(2026, 3, 14, tzinfo=UTC), 1, id="the first moment of the day"),
        pytest.param(datetime(2026, 3, 15, 23, 59, 59, 999_999, UTC), 1, id="the last moment of the last row's day"),
        pytest.param(datetime(2026, 3, 16, tzinfo=UTC), 0, id="the day after"),
    ],
)
def test_an_id_is_searched_on_the_days_of_the_rows_at_any_time_of_day(at: datetime, found: int) -> None:
    table, _ = a_table(a_row("a", at=at))
    assert table.count(rows(a_row("a"), a_row("b", at=NOW + timedelta(days=1)))) == found


def test_compare_reports_whether_a_stored_row_has_the_same_content() -> None:
    table, _ = a_table(*(a_row(f"e{n}", n) for n in range(20)))
    same, others = [a_row(f"e{n}", n) for n in range(10)], [a_row(f"e{n}", -n) for n in range(10, 20)]
    compared = table.compare(rows(*same, a_row("new"), *others))
    assert compared == dict.fromkeys(range(10), True) | dict.fromkeys(range(11, 21), False)


def test_metadata_and_derived_columns_are_not_content() -> None:
    others: dict[str, Any] = {"_ingested_at": NOW - timedelta(hours=1), "_schema_version": 2, "_source": "a file"}
    others["doubled"] = 7
    table, _ = a_table(a_row("a"), a_row("b"))
    assert table.compare(rows(a_row("a", **others), a_row("b", n=2, **others))) == {0: True, 1: False}


def test_a_derived_column_is_content_unless_it_is_declared_as_derived() -> None:
    client: Any = a_table(a_row("a"))[1]
    assert StoredRows(client, "`p.d.things`").compare(rows(a_row("a", doubled=7))) == {0: False}


def test_a_field_at_its_default_is_a_null_of_an_older_row() -> None:
    table, _ = a_table(a_row("a", n=None), a_row("b", n=None), a_row("c", n=7))
    assert table.compare(rows(a_row("a", n=7), a_row("b", n=8), a_row("c", n=None))) == {0: True, 1: False, 2: True}


def test_contents_are_not_queried_when_no_row_is_stored() -> None:
    table, service = a_table(a_row("a"))
    assert table.compare(rows(a_row("b"))) == {}
    assert len(service.queries) == 1


def test_a_table_without_a_row_is_remembered_from_the_first_message_on() -> None:
    table, _ = a_table()
    assert table.is_empty() is True
    assert remembered_since(table) == 0


def test_a_table_with_rows_is_remembered_from_a_minute_after_the_service_s_time_on() -> None:
    table, service = a_table(a_row("a"))
    service.now = NOW + timedelta(days=7)
    assert table.is_empty() is False
    assert remembered_since(table) == to_micros(service.now) + SKEW_MICROSECONDS


def test_a_table_says_what_it_lacks_of_its_contract() -> None:
    table, _ = a_table()
    wanted = [SchemaField("_event_id", "STRING", "REQUIRED"), SchemaField("n", "INT64")]
    assert table.schema_mismatches(wanted) == ["the table has no column n"]
    assert table.schema_mismatches(wanted[:1]) == []


def test_lines_of_tallies_are_found_by_their_ids_among_those_of_their_times() -> None:
    times = {"a": NOW, "b": NOW + timedelta(seconds=2), "c": NOW + timedelta(seconds=3), "d": NOW}
    held = [{"tally_id": name, "tallied_at": times[name]} for name in ("a", "b", "c")]
    client: Any = AskedTables(tallies=AskedTable(lambda: held))
    tallies = StoredTallies(client, "`p.d.tallies`")
    asked = [{"tally_id": name, "tallied_at": NOW + timedelta(seconds=n)} for n, name in enumerate(("d", "a", "b"))]
    lines = pa.RecordBatch.from_pylist([*asked, {"tally_id": "c", "tallied_at": NOW}])
    assert (tallies.find(lines), tallies.count(lines)) == ([1, 2], 2)
