"""What the plan of `headrace provision` tells of a table, and that it deletes no rows."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import bigquery

from headrace.bigquery.event_table import table_for
from headrace.bigquery.table_changes import table_changes
from headrace.bigquery.table_differences import changed_properties, created_properties, expiry_refusals
from headrace.core.plan_changes import PropertyChange
from tests.support.builders import a_contract

HOME = {"type": "record", "name": "Home", "fields": [{"name": "city", "type": "string"}]}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}


def wanted(*fields: Any, **annotations: Any) -> bigquery.Table:
    return table_for(a_contract(*fields, **annotations), "p", "d")


def existing(table: bigquery.Table, **changes: Any) -> bigquery.Table:
    """The table as BigQuery describes it, with *changes* of its REST representation."""
    return bigquery.Table.from_api_repr(table.to_api_repr() | {"type": "TABLE"} | changes)


def diff(old: bigquery.Table, new: bigquery.Table) -> list[PropertyChange]:
    return [*changed_properties(existing(old), table_changes(existing(old), new, "t"))]


def test_a_table_that_is_created_is_told_with_what_it_has() -> None:
    table = wanted(("city", "string"), partition="hour", cluster=["city"], expire_after_days=90)

    found = {each.name: each.after for each in created_properties(table)}
    assert {name: value for name, value in found.items() if not name.startswith("column ")} == {
        "partitioning": "hour of _event_time",
        "partitions are kept": "90 days",
        "clustering": "city",
    }
    assert [name.removeprefix("column ") for name in found if name.startswith("column ")] == [
        each.name for each in table.schema
    ]
    assert found["column city"] == "STRING REQUIRED"
    assert not any(each.before for each in created_properties(table))


def test_each_column_that_is_added_is_told_by_its_path() -> None:
    old = wanted(("city", "string"), ("home", HOME))
    new = wanted(
        ("city", "string"),
        ("home", {**HOME, "fields": [*HOME["fields"], {"name": "floor", "type": ["null", "int"], "default": None}]}),
        ("fee", ["null", DECIMAL]),
    )

    assert diff(old, new) == [
        PropertyChange("column home.floor", None, "INT64 NULLABLE"),
        PropertyChange("column fee", None, "NUMERIC(10, 2) NULLABLE"),
    ]


def test_a_column_that_changes_is_told_with_both_states() -> None:
    described = {"name": "city", "type": ["null", "string"], "doc": "Where"}

    assert diff(wanted(("city", "string")), wanted(described)) == [
        PropertyChange("column city", "STRING REQUIRED", "STRING NULLABLE"),
        PropertyChange("description of column city", None, "Where"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({}, {"cluster": ["city"]}, PropertyChange("clustering", None, "city")),
        ({"cluster": ["city"]}, {}, PropertyChange("clustering", "city", None)),
        (
            {},
            {"require_partition_filter": True},
            PropertyChange("partition filter", "not required", "required"),
        ),
        (
            {"expire_after_days": 90},
            {"expire_after_days": 120},
            PropertyChange("partitions are kept", "90 days", "120 days"),
        ),
        ({"expire_after_days": 90}, {}, PropertyChange("partitions are kept", "90 days", "for ever")),
    ],
)
def test_a_property_that_changes_is_told_with_both_values(
    old: dict[str, Any], new: dict[str, Any], told: PropertyChange
) -> None:
    assert diff(wanted(("city", "string"), **old), wanted(("city", "string"), **new)) == [told]


def test_what_does_not_change_is_not_told() -> None:
    table = wanted(("city", "string"), ("home", HOME), cluster=["city"], expire_after_days=90)

    assert diff(table, table) == []


HAS_ROWS = {"numRows": "3"}
BUFFERED = {"numRows": "0", "streamingBuffer": {"estimatedRows": "3", "estimatedBytes": "9"}}
EMPTY = {"numRows": "0"}


@pytest.mark.parametrize(
    ("old", "new", "state", "is_refused"),
    [
        pytest.param(None, 90, HAS_ROWS, True, id="for ever to 90 days"),
        pytest.param(120, 90, HAS_ROWS, True, id="fewer days"),
        pytest.param(120, 90, BUFFERED, True, id="rows that were streamed just now"),
        pytest.param(120, 90, EMPTY, False, id="no rows"),
        pytest.param(90, 90, HAS_ROWS, False, id="the same"),
        pytest.param(90, 91, HAS_ROWS, False, id="more days"),
        pytest.param(90, None, HAS_ROWS, False, id="for ever"),
    ],
)
def test_a_change_that_would_delete_rows_is_refused(
    old: int | None, new: int | None, state: dict[str, Any], is_refused: bool
) -> None:
    before, after = (wanted(("city", "string"), **({"expire_after_days": days} if days else {})) for days in (old, new))

    refusals = [*expiry_refusals(existing(before, **state), after, "p.d.things")]

    assert [each.name for each in refusals] == ["p.d.things"] * is_refused
    assert all(
        "ALTER TABLE `p.d.things` SET OPTIONS (partition_expiration_days = 90)" in each.remedy for each in refusals
    )
