"""Columns that the job adds to a table by itself."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import bigquery

from headrace.bigquery.add_columns import add_columns
from headrace.bigquery.event_table import table_for
from headrace.core.resource_names import Names
from headrace.schemas.registry import Contract, Registry
from tests.support.bigquery_in_memory import Warehouse
from tests.support.builders import a_contract, a_record

NAMES = Names("p")
CITY = ("city", "string")
PLACE = ("place", a_record("Place", ("x", "int")))
FIRST = a_contract(CITY, PLACE)


def registry(*contracts: Contract) -> Registry:
    return Registry({each.ref: each for each in contracts})


def evolved(*fields: Any, **annotations: Any) -> tuple[list[str], dict[str, bigquery.SchemaField]]:
    """What was missing for version 2 in the table of version 1, and the columns of that table afterwards."""
    warehouse: Any = Warehouse()
    warehouse.make(table_for(FIRST, NAMES.project, NAMES.dataset))
    second = a_contract(*fields, version=2, **annotations)
    missing = add_columns(warehouse, registry(FIRST, second), "thing_happened", NAMES)
    assert add_columns(warehouse, registry(FIRST, second), "thing_happened", NAMES) == [], "once"
    return missing, {each.name: each for each in warehouse.find("p.headrace.things").table.schema}


def test_a_new_field_becomes_a_nullable_column() -> None:
    missing, columns = evolved(CITY, PLACE, ("gate", "string", {"default": "B2"}))

    assert missing == ["the table has no column gate"]
    assert columns["gate"].mode == "NULLABLE"


def test_a_new_field_of_a_record_is_added_within_it() -> None:
    place = ("place", a_record("Place", ("x", "int"), ("y", "int", {"default": 0})))
    missing, columns = evolved(CITY, place)

    assert missing == ["the table has no column place.y"]
    assert [(each.name, each.mode) for each in columns["place"].fields] == [("x", "REQUIRED"), ("y", "NULLABLE")]


def test_a_field_that_may_be_null_from_now_on_relaxes_its_column() -> None:
    missing, columns = evolved(("city", ["null", "string"]), PLACE)

    assert missing == ["column city is REQUIRED there"]
    assert columns["city"].mode == "NULLABLE"


@pytest.mark.parametrize(
    "fields",
    [
        [CITY, PLACE],
        [("town", "string", {"aliases": ["city"]}), PLACE],
    ],
    ids=["nothing is missing", "a rename, which a person decides"],
)
def test_the_table_stays_as_it_is(fields: list[Any]) -> None:
    before = {each.name for each in table_for(FIRST, NAMES.project, NAMES.dataset).schema}

    missing, columns = evolved(*fields)

    assert (missing, {*columns}) == ([], before)


def test_a_table_of_another_partitioning_stays_as_it_is() -> None:
    missing, _ = evolved(CITY, PLACE, ("gate", "string", {"default": "B2"}), partition="month")

    assert missing == []
