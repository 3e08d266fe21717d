"""What a table's columns may become; the BigQuery emulator forgets limits and policy tags, so it is asked directly."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from google.cloud.bigquery import PolicyTagList, SchemaField

from headrace.bigquery.event_table import schema_mismatches
from headrace.bigquery.table_changes import merged_columns
from headrace.cli.app import main
from headrace.core.plan_refusals import ProvisionError, Refusal, listed
from headrace.errors import Exit
from tests.support.builders import contract_json


def a_column(type_: str = "STRING", mode: str = "NULLABLE", name: str = "city", **more: Any) -> SchemaField:
    return SchemaField(name, type_, mode, **more)


def numeric(precision: int | None, scale: int | None) -> SchemaField:
    if precision is None:
        return a_column("NUMERIC")
    return a_column("NUMERIC", precision=precision, scale=scale)


def test_new_columns_come_last_and_the_others_keep_the_order_of_the_table() -> None:
    have = [a_column(name="b"), a_column(name="a")]
    want = [a_column(name="a"), a_column(name="new"), a_column(name="b")]

    assert [column.name for column in merged_columns(have, want, "t").columns] == ["b", "a", "new"]


def test_merging_again_changes_nothing() -> None:
    have = [a_column("RECORD", fields=[a_column(name="a")]), a_column(name="gone", mode="REQUIRED")]
    want = [a_column(name="new"), a_column("RECORD", fields=[a_column(name="x"), a_column(name="a", description="A")])]

    once = merged_columns(have, want, "t").columns

    assert merged_columns(once, want, "t").columns == once
    assert [column.name for column in once[0].fields] == ["a", "x"]


@pytest.mark.parametrize("mode", ["REQUIRED", "NULLABLE"])
def test_a_column_the_contract_has_no_longer_stays_and_may_be_null(mode: str) -> None:
    (kept,) = merged_columns([a_column(mode=mode)], [], "t").columns

    assert (kept.name, kept.mode) == ("city", "NULLABLE")


def test_a_repeated_column_the_contract_has_no_longer_stays_repeated() -> None:
    (kept,) = merged_columns([a_column(mode="REPEATED")], [], "t").columns

    assert kept.mode == "REPEATED"


@pytest.mark.parametrize("want", [[], [a_column(description="Where")]], ids=["gone", "described"])
def test_merging_leaves_what_exists_as_it_is(want: list[SchemaField]) -> None:
    have = a_column(mode="REQUIRED")

    (merged,) = merged_columns([have], want, "t").columns

    assert (have.mode, have.description) == ("REQUIRED", None)
    assert merged.mode == "NULLABLE"


def test_policy_tags_that_people_set_stay_when_the_description_changes() -> None:
    tags = PolicyTagList(names=["projects/p/locations/eu/taxonomies/1/policyTags/2"])

    (merged,) = merged_columns([a_column(policy_tags=tags)], [a_column(description="Where")], "t").columns

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
    (merged,) = merged_columns([have], [want], "t").columns

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

    (refused,) = merged_columns(*record, "t").refusals
    assert (refused.name, refused.remedy) == ("t.home.city", "add a field instead")
    assert refused.why.startswith("BigQuery cannot change ")
    assert merged_columns(*record, "t").columns == record[0], "it stays"


@pytest.mark.parametrize("have", [[], [a_column()]], ids=["new", "there as NULLABLE"])
def test_a_column_that_the_contract_requires_is_nullable_beside_rows_that_are_there(have: list[SchemaField]) -> None:
    (merged,) = merged_columns(have, [a_column(mode="REQUIRED")], "t").columns

    assert merged.mode == "NULLABLE"


@pytest.mark.parametrize("depth", [0, 1])
def test_a_column_whose_name_differs_in_case_alone_is_refused_with_its_remedy(depth: int) -> None:
    have, want = [a_column(name="Note")], [a_column(name="note")]
    if depth:
        have, want = ([a_column("RECORD", name="home", fields=fields)] for fields in (have, want))

    (refused,) = merged_columns(have, want, "t").refusals
    assert refused.name == ("t.home.note" if depth else "t.note")
    assert refused.why.startswith("the table has this column as Note")
    assert "RENAME COLUMN" in refused.remedy
    assert schema_mismatches(have, want)[0] == (
        f"the table has the column {'home.' * depth}note as {'home.' * depth}Note: rename one of them"
    )


@pytest.mark.parametrize(("old", "new"), [("INTEGER", "INT64"), ("FLOAT", "FLOAT64"), ("BOOLEAN", "BOOL")])
def test_both_names_of_a_type_are_one_type(old: str, new: str) -> None:
    (merged,) = merged_columns([a_column(old)], [a_column(new)], "t").columns

    assert merged.field_type == old


def test_every_column_that_is_refused_is_named_and_the_others_are_merged() -> None:
    have = [
        a_column("STRING", name="a"),
        a_column("RECORD", name="home", fields=[a_column("STRING", name="b"), a_column("STRING", name="c")]),
        a_column("STRING", name="Note"),
    ]
    want = [
        a_column("INT64", name="a"),
        a_column("RECORD", name="home", fields=[a_column("INT64", name="b"), a_column("INT64", name="c")]),
        a_column("STRING", name="note"),
        a_column("STRING", name="new"),
    ]

    columns, refusals = merged_columns(have, want, "t")

    assert sorted(each.name for each in refusals) == ["t.a", "t.home.b", "t.home.c", "t.note"]
    assert columns == [*have, a_column("STRING", name="new")]


def test_one_refusal_is_a_sentence_and_several_are_listed_by_kind() -> None:
    one = Refusal("table", "d.things", "a view has the name of a table", "rename it")
    other = Refusal("subscription", "s", "it has a filter", "delete it")
    again = Refusal("table", "d.others.city", "BigQuery cannot change it", "add a field instead")

    assert str(ProvisionError([one])) == "d.things: a view has the name of a table; rename it"
    assert str(ProvisionError([one, other, again])) == "3 refusals; nothing was changed"
    assert list(listed([one, other, again])) == [
        "table:",
        "  d.things: a view has the name of a table; rename it",
        "  d.others.city: BigQuery cannot change it; add a field instead",
        "subscription:",
        "  s: it has a filter; delete it",
    ]


@pytest.mark.usefixtures("nothing_set")
@pytest.mark.parametrize("flags", [[], ["--dry-run"]], ids=["provision", "dry run"])
@pytest.mark.parametrize(
    ("was", "becomes", "reason"),
    [
        ("int", "string", "int cannot be read as string"),
        ("string", {"type": "array", "items": "string"}, "string cannot be read as array"),
    ],
    ids=["int->string", "string->array"],
)
def test_a_version_that_cannot_read_the_one_before_is_refused_before_any_request(
    was: str,
    becomes: Any,
    reason: str,
    flags: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for version, type_ in ((1, was), (2, becomes)):
        text = json.dumps(contract_json(("size", type_)))
        (tmp_path / f"thing_happened.v{version}.avsc").write_text(text)
    monkeypatch.setattr(sys, "argv", ["headrace", "provision", "--project", "a-project", "--contracts", ".", *flags])

    with pytest.raises(SystemExit) as ended:
        main()

    shown = capsys.readouterr()
    assert ended.value.code == Exit.CONFIGURATION
    assert (shown.out, shown.err) == (
        "",
        "headrace: thing_happened.v2.avsc:1: thing_happened.v2.size: "
        f"events of v1 cannot be read (TYPE_CHANGED): {reason}; "
        "keep the type, and add a new field with a default instead [HR-101]\n",
    )
