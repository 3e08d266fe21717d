"""What a table's columns may become; the BigQuery emulator forgets limits and policy tags, so it is asked directly."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud.bigquery import PolicyTagList, SchemaField

from stream.table_changes import ProvisionError, merged_columns
from stream.tables import misfits


def a_column(type_: str = "STRING", mode: str = "NULLABLE", name: str = "city", **more: Any) -> SchemaField:
    return SchemaField(name, type_, mode, **more)


def numeric(precision: int | None, scale: int | None) -> SchemaField:
    limits = {} if precision is None else {"precision": precision, "scale": scale}
    return a_column("NUMERIC", **limits)


def test_new_columns_come_last_and_the_others_keep_the_order_of_the_table() -> None:
    have = [a_column(name="b"), a_column(name="a")]
    want = [a_column(name="a"), a_column(name="new"), a_column(name="b")]

    assert [column.name for column in merged_columns(have, want, "t")] == ["b", "a", "new"]


def test_merging_again_changes_nothing() -> None:
    have = [a_column("RECORD", fields=[a_column(name="a")]), a_column(name="gone", mode="REQUIRED")]
    want = [a_column(name="new"), a_column("RECORD", fields=[a_column(name="x"), a_column(name="a", description="A")])]

    once = merged_columns(have, want, "t")

    assert merged_columns(once, want, "t") == once
    assert [column.name for column in once[0].fields] == ["a", "x"]


@pytest.mark.parametrize("mode", ["REQUIRED", "NULLABLE"])
def test_a_column_the_contract_has_no_longer_stays_and_may_be_null(mode: str) -> None:
    (kept,) = merged_columns([a_column(mode=mode)], [], "t")

    assert (kept.name, kept.mode) == ("city", "NULLABLE")


def test_a_repeated_column_the_contract_has_no_longer_stays_repeated() -> None:
    (kept,) = merged_columns([a_column(mode="REPEATED")], [], "t")

    assert kept.mode == "REPEATED"


@pytest.mark.parametrize("want", [[], [a_column(description="Where")]], ids=["gone", "described"])
def test_merging_leaves_what_exists_as_it_is(want: list[SchemaField]) -> None:
    have = a_column(mode="REQUIRED")

    (merged,) = merged_columns([have], want, "t")

    assert (have.mode, have.description) == ("REQUIRED", None)
    assert merged.mode == "NULLABLE"


def test_policy_tags_that_people_set_stay_when_the_description_changes() -> None:
    tags = PolicyTagList(names=["projects/p/locations/eu/taxonomies/1/policyTags/2"])

    (merged,) = merged_columns([a_column(policy_tags=tags)], [a_column(description="Where")], "t")

    assert (merged.policy_tags, merged.description) == (tags, "Where")


@pytest.mark.parametrize(
    ("have", "want", "limits"),
    [
        pytest.param(numeric(10, 2), numeric(12, 2), (12, 2), id="more digits before the point"),
        pytest.param(numeric(10, 2), numeric(12, 4), (12, 4), id="more digits after the point"),
        pytest.param(numeric(10, 2), numeric(10, 2), (10, 2), id="the same"),
        pytest.param(numeric(None, None), numeric(10, 2), (None, None), id="no limits until now"),
    ],
)
def test_a_decimal_grows(have: SchemaField, want: SchemaField, limits: Any) -> None:
    (merged,) = merged_columns([have], [want], "t")

    assert (merged.precision, merged.scale) == limits


@pytest.mark.parametrize(
    ("have", "want"),
    [
        pytest.param(numeric(10, 2), numeric(9, 2), id="fewer digits"),
        pytest.param(numeric(10, 2), numeric(10, 3), id="fewer digits before the point"),
        pytest.param(numeric(10, 2), numeric(10, 1), id="fewer digits after the point"),
        pytest.param(a_column("STRING"), a_column("INT64"), id="another type"),
        pytest.param(a_column(mode="NULLABLE"), a_column(mode="REPEATED"), id="one becomes many"),
    ],
)
def test_what_bigquery_cannot_change_is_refused_by_name(have: SchemaField, want: SchemaField) -> None:
    record = [a_column("RECORD", name="home", fields=[have])], [a_column("RECORD", name="home", fields=[want])]

    with pytest.raises(ProvisionError, match=r"t\.home\.city: .*; add a field instead"):
        merged_columns(*record, "t")


@pytest.mark.parametrize("have", [[], [a_column()]], ids=["new", "there as NULLABLE"])
def test_a_column_that_the_contract_requires_is_nullable_beside_rows_that_are_there(have: list[SchemaField]) -> None:
    (merged,) = merged_columns(have, [a_column(mode="REQUIRED")], "t")

    assert merged.mode == "NULLABLE"


@pytest.mark.parametrize("depth", [0, 1])
def test_a_column_whose_name_differs_in_case_alone_is_refused_with_its_remedy(depth: int) -> None:
    have, want = [a_column(name="Note")], [a_column(name="note")]
    if depth:
        have, want = ([a_column("RECORD", name="home", fields=fields)] for fields in (have, want))

    place = r"t\.home\.note" if depth else r"t\.note"
    with pytest.raises(ProvisionError, match=rf"{place}: the table has this column as Note, .* RENAME COLUMN"):
        merged_columns(have, want, "t")
    assert misfits(have, want)[0] == (
        f"the table has the column {'home.' * depth}note as {'home.' * depth}Note: rename one of them"
    )


@pytest.mark.parametrize(("old", "new"), [("INTEGER", "INT64"), ("FLOAT", "FLOAT64"), ("BOOLEAN", "BOOL")])
def test_both_names_of_a_type_are_one_type(old: str, new: str) -> None:
    (merged,) = merged_columns([a_column(old)], [a_column(new)], "t")

    assert merged.field_type == old
