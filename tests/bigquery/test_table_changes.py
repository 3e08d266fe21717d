"""What a running engine says of a table that is not as its contract says, and what `provision` would change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud import bigquery

from headrace.bigquery.event_table import table_for
from headrace.bigquery.table_changes import evolved_table, table_changes, table_problems, table_refusals
from headrace.core.resource_names import Names
from headrace.schemas.registry import Registry
from tests.support.builders import a_contract

NAMES = Names("p", "d")
WANTED = table_for(
    a_contract(("city", "string"), cluster=["city"], expire_after_days=90, require_partition_filter=True), "p", "d"
)


def existing(**changes: Any) -> bigquery.Table:
    """The table as BigQuery describes it, with *changes* of its REST representation."""
    return bigquery.Table.from_api_repr(WANTED.to_api_repr() | {"type": "TABLE", "location": "EU"} | changes)


DAY = {"type": "DAY", "field": "_event_time", "expirationMs": str(90 * 86_400_000)}
WRONG = [
    pytest.param({"timePartitioning": {**DAY, "type": "HOUR"}}, "partitioning differs", None, id="partitioning"),
    pytest.param({"timePartitioning": None}, "partitioning differs", None, id="no partitioning"),
    pytest.param(
        {"timePartitioning": {**DAY, "expirationMs": "1"}},
        "expiry of its partitions",
        "time_partitioning",
        id="expiration",
    ),
    pytest.param({"clustering": None}, "clustering differs", "clustering_fields", id="clustering"),
    pytest.param({"requirePartitionFilter": False}, "must filter", "require_partition_filter", id="partition filter"),
    pytest.param({"expirationTime": "1795152900000"}, "table expires on 2026-11-20", "expires", id="table expiry"),
    pytest.param({"location": "us-east1"}, "in us-east1 and the setting `location` is EU", "", id="location"),
    pytest.param({"type": "VIEW"}, "", None, id="a view"),
]


@pytest.mark.parametrize(("changes", "problem", "updated"), WRONG)
def test_each_difference_is_named_and_changed_or_refused(
    changes: dict[str, Any], problem: str, updated: str | None
) -> None:
    found = existing(**changes)

    assert not problem or any(problem in each for each in table_problems(found, WANTED, "EU"))
    if updated is None:
        assert [each.name for each in table_refusals(found, WANTED, "d.things")] == ["d.things"]
    else:
        assert table_refusals(found, WANTED, "d.things") == []
        assert list(table_changes(found, WANTED, "d.things")) == [updated] * bool(updated)


def test_a_table_as_its_contract_says_has_no_problem() -> None:
    assert table_problems(existing(location="eu"), WANTED, "EU") == []
    assert table_problems(existing(description="anything", location=None), WANTED, None) == []
    assert table_changes(existing(), WANTED, "d.things") == {}


def test_the_time_of_expiry_is_the_moment_that_was_set() -> None:
    assert existing(expirationTime="1795152900000").expires == datetime(2026, 11, 20, 5, 35, tzinfo=UTC)


def test_a_column_that_the_table_lacks_is_named_with_the_remedy() -> None:
    wanted = table_for(a_contract(("city", "string"), ("gate", ["null", "string"]), cluster=["city"]), "p", "d")

    problem, *_ = table_problems(existing(), wanted, "EU")

    assert problem == "the table has no column gate; `headrace provision` makes tables and columns"


TEXTS = {"type": "array", "items": "string"}


@pytest.mark.parametrize(
    ("old", "new", "name", "mode"),
    [
        pytest.param(["int", "string"], ["boolean", "string", "int"], "boolean_value", "NULLABLE", id="a branch"),
        pytest.param(["int", "string"], ["null", "int", "string"], "f", "NULLABLE", id="null of a union"),
        pytest.param(TEXTS, ["null", TEXTS], "f", "REPEATED", id="null of a list"),
    ],
)
def test_what_a_newer_version_adds_to_a_shape_is_added_to_its_column(old: Any, new: Any, name: str, mode: str) -> None:
    first, second = a_contract(("f", old)), a_contract(("f", new), version=2)
    registry = Registry({each.ref: each for each in (first, second)})

    table, refusals = evolved_table(registry, first.subject, NAMES)
    columns = {each.name: each for field in table.schema for each in (field, *field.fields)}
    assert refusals == []
    assert columns[name].mode == mode


def test_a_column_that_tells_null_from_empty_may_come_later() -> None:
    first, second = (
        a_contract(("f", ["null", TEXTS], {"is_null_column": version > 1}), version=version) for version in (1, 2)
    )

    table, refusals = evolved_table(Registry({each.ref: each for each in (first, second)}), first.subject, NAMES)
    assert refusals == []
    assert {each.name: each.mode for each in table.schema}["f_is_null"] == "NULLABLE"


def test_a_type_that_becomes_a_union_is_another_column() -> None:
    first, second = a_contract(("f", "string")), a_contract(("f", ["int", "string"]), version=2)

    _, refusals = evolved_table(Registry({each.ref: each for each in (first, second)}), first.subject, NAMES)
    assert ["f" in each.name or "f" in each.why for each in refusals] == [True]
