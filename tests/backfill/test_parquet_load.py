"""Loads from Parquet: tables with JSON columns have none."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.parquet_load import check_loadable
from tests.support.builders import BOOKING, a_contract, a_record

JSON = {"type": "string", "sqlType": "JSON"}


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        pytest.param(["null", JSON], "f", id="a text"),
        pytest.param({"type": "array", "items": a_record("R", ("j", JSON))}, "f.j", id="within a record"),
        pytest.param(["int", JSON], "f.string_value", id="of a union"),
        pytest.param(a_record("N", ("more", {"type": "array", "items": "N"})), "f.more", id="a record within itself"),
    ],
)
def test_a_table_with_a_json_column_is_not_loaded(type_: Any, path: str) -> None:
    with pytest.raises(BackfillError, match=f"^{path}: a JSON column"):
        check_loadable(a_contract(("f", type_)))


def test_any_other_table_is_loaded() -> None:
    check_loadable(BOOKING)
