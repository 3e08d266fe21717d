"""Columns of a record: what BigQuery has in place of each shape, with defaults as values of columns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from headrace.bigquery.event_table import arrow_schema
from headrace.schemas.stored import stored
from tests.support.builders import a_contract, a_record
from tests.support.strategies import FIXED_PROFILE
from tests.support.versions import versions

ARRAY, MAP = {"type": "array", "items": "string"}, {"type": "map", "values": "long"}


@FIXED_PROFILE
@given(versions())
def test_the_columns_of_columns_are_the_same(pair: Any) -> None:
    for contract in pair:
        columns = stored(contract.record)

        assert stored(columns) == columns
        assert arrow_schema(contract.record) == arrow_schema(columns)


@pytest.mark.parametrize(("type_", "nothing"), [(ARRAY, []), (MAP, {})], ids=["array", "map"])
def test_a_list_that_is_null_by_default_is_empty_at_any_depth(type_: Any, nothing: Any) -> None:
    field = ("f", ["null", type_], {"default": None})
    record = stored(a_contract(field, ("r", a_record("R", field)), ("o", ["null", a_record("O", field)])).record)

    assert record.fields[0].default == nothing
    assert stored(record) == record
