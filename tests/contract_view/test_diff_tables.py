"""Changes of a table from one version to another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.contract_view.diff_tables import TableChange, TableDiff, diff_tables
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import parse_contract
from tests.support.builders import a_contract, contract_json

N = ("n", "int")


def diff(*listed: tuple[list[Any], dict[str, Any]], before: int = 1) -> TableDiff:
    """The difference of versions, of which the table has seen the first ones."""
    made = [a_contract(*fields, version=number, **more) for number, (fields, more) in enumerate(listed, 1)]
    return diff_tables(made[:before], made)


def texts(found: TableDiff) -> list[str]:
    assert found.refused == []
    return [each.text for each in found.changes]


def test_a_new_field_is_a_nullable_column() -> None:
    assert texts(diff(([N], {}), ([N, {"name": "m", "type": "int", "default": 1}], {}))) == [
        "ALTER TABLE `things` ADD COLUMN `m` INT64;"
    ]


def test_versions_between_count() -> None:
    nothing: dict[str, Any] = {}
    found = diff(([N], {}), ([N, {"name": "m", "type": "string", "default": ""}], {}), ([N], nothing))
    assert texts(found) == ["ALTER TABLE `things` ADD COLUMN `m` STRING;"]


def test_a_field_that_goes_leaves_its_column() -> None:
    assert texts(diff(([N, ("m", "int")], {}), ([N], {}))) == ["ALTER TABLE `things` ALTER COLUMN `m` DROP NOT NULL;"]


def test_a_column_is_renamed_by_hand_and_once() -> None:
    renamed = {"name": "m", "type": "int", "aliases": ["n"]}
    again = {"name": "o", "type": "int", "aliases": ["m"]}
    assert diff(([N], {}), ([renamed], {})).changes == [
        TableChange("ALTER TABLE `things` RENAME COLUMN `n` TO `m`;", is_sql=True, by_hand=True)
    ]
    assert texts(diff(([N], {}), ([renamed], {}), ([again], {}), before=2)) == [
        "ALTER TABLE `things` RENAME COLUMN `m` TO `o`;"
    ]


def test_a_column_that_cannot_be_renamed_is_refused_with_the_remedy() -> None:
    inner = {"type": "record", "name": "P", "fields": [{"name": "x", "type": "int"}]}
    other = {"type": "record", "name": "P", "fields": [{"name": "y", "type": "int", "aliases": ["x"]}]}
    clustered = diff(([N], {"cluster": ["n"]}), ([{"name": "m", "type": "int", "aliases": ["n"]}], {"cluster": ["m"]}))
    within = diff(([("p", inner)], {}), ([("p", other)], {}))

    assert ["clustered" in each for each in clustered.refused] == [True]
    assert [each.partition(":")[0] for each in within.refused] == ["p.y"]
    assert "RENAME" not in "".join(each.text for each in (*clustered.changes, *within.changes))


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ({}, {"expire_after_days": 90}, "ALTER TABLE `things` SET OPTIONS (partition_expiration_days=90);"),
        ({"expire_after_days": 90}, {}, "ALTER TABLE `things` SET OPTIONS (partition_expiration_days=NULL);"),
        ({}, {"require_partition_filter": True}, "ALTER TABLE `things` SET OPTIONS (require_partition_filter=true);"),
        ({}, {"cluster": ["n"]}, "the table is clustered by n"),
        ({"cluster": ["n"]}, {}, "the table is clustered by nothing"),
    ],
)
def test_options_of_the_table_follow(old: dict[str, Any], new: dict[str, Any], change: str) -> None:
    (found,) = diff(([N], old), ([N], new)).changes
    assert found == TableChange(change, is_sql=change.startswith("ALTER"))


def test_another_table_is_a_new_one() -> None:
    (told,) = texts(diff(([N], {}), ([N, ("m", "int")], {"table": "others"})))
    assert told == "rows go to table others, which is new, and no longer to things"


def test_what_bigquery_cannot_change_is_refused_in_the_version_that_changes_it() -> None:
    new = {"name": "m", "type": "int", "default": 0}
    listed: list[tuple[list[Any], dict[str, Any]]] = [([N], {}), ([("n", "double")], {}), ([("n", "double"), new], {})]
    assert diff(*listed[:2]).refused == [
        "thing_happened.v2.n: BigQuery cannot change INT64 to FLOAT64; add a field instead"
    ]
    assert diff(*listed, before=2).refused == []


def test_the_description_of_a_table_with_tokens_is_written_by_headrace_alone() -> None:
    def described(mask: str) -> TableDiff:
        email = {"name": "email", "type": "string", "pii": {"kind": "email", "mask": mask}}
        made = [json.dumps(contract_json(email) | {"doc": doc}) for doc in ("", "Orders")]
        old, new = (parse_contract(SchemaRef("order_placed", n), text) for n, text in enumerate(made, 1))
        return diff_tables([old], [old, new])

    assert texts(described("redact")) == ['ALTER TABLE `things` SET OPTIONS (description="Orders");']
    assert described("tokenise").changes == [TableChange("the description of the table is another one", is_sql=False)]
