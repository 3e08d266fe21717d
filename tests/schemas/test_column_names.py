"""Names of columns: what BigQuery holds stays, and everything else gets a name of its own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.bigquery.event_table import META_SCHEMA
from headrace.schemas.column_names import MAX_COLUMN, OWN_COLUMNS, RESERVED_PREFIXES, column_names
from tests.support.strategies import FIXED_PROFILE

NAMES = st.lists(
    st.text(alphabet="abAB_1-.$é", min_size=1, max_size=6)
    | st.sampled_from([*OWN_COLUMNS, "_PARTITIONDATE", "_table_x", "__ROOT__", "x" * 300, "x" * 301, "X" * 301]),
    min_size=1,
    max_size=12,
    unique=True,
)


@FIXED_PROFILE
@given(NAMES, st.booleans())
def test_every_name_has_a_column_that_bigquery_holds_and_no_other_has(names: list[str], outermost: bool) -> None:
    columns = column_names(names, outermost)

    assert len({column.lower() for column in columns}) == len(names)
    for column in columns:
        assert re.fullmatch(rf"[A-Za-z_][A-Za-z0-9_]{{0,{MAX_COLUMN - 1}}}", column)
        assert not column.lower().startswith(RESERVED_PREFIXES)
        assert not (outermost and column.lower() in OWN_COLUMNS)


@FIXED_PROFILE
@given(NAMES)
def test_a_name_that_fits_stays_and_the_others_are_the_same_each_time(names: list[str]) -> None:
    columns = column_names(names, outermost=False)

    assert column_names(names, outermost=False) == columns
    for name, column in zip(names, columns, strict=True):
        alone = column_names([name], outermost=False)
        assert column in (name, *alone) or len(column) > len(alone[0]) or [name] == alone


def test_a_name_that_another_field_has_as_its_own_is_never_made() -> None:
    (made,) = column_names(["a-b"], outermost=True)

    one, other = column_names(["a-b", made], outermost=True)

    assert other == made
    assert one.startswith(made)
    assert one != made


def test_the_first_of_names_that_differ_in_case_keeps_its_own() -> None:
    assert column_names(["Id", "ID", "other"], outermost=True)[::2] == ["Id", "other"]


@pytest.mark.parametrize("name", ["_id", "__v", "_type", "_"])
def test_a_leading_underscore_is_kept_where_bigquery_allows_it(name: str) -> None:
    assert column_names([name], outermost=True) == [name]


def test_columns_of_every_table_are_taken_in_the_row_alone() -> None:
    assert set(META_SCHEMA.names) <= OWN_COLUMNS
    assert all(column_names([name], outermost=True) != [name] for name in OWN_COLUMNS)
    assert all(column_names([name], outermost=False) == [name] for name in OWN_COLUMNS)
