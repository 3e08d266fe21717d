"""Where the differences of an existing table are in the contracts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from headrace.bigquery.table_changes import evolved_table
from headrace.contract_check.check_folder import Checked, check_contents
from headrace.contract_comparison.held_tables import compare_tables
from headrace.core.resource_names import Names
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.registry import read_folder
from tests.support.contract_folders import write_version

NAMES = Names("p", "d")
SUBJECT = "thing_happened"
INNER = {"type": "record", "name": "Inner", "fields": [{"name": "id", "type": "string"}]}


def existing(folder: Path, **changes: Any) -> bigquery.Table:
    """The table of a folder's contracts as BigQuery describes it, with *changes* of its REST representation."""
    table, _ = evolved_table(read_folder(folder).contracts.values(), SUBJECT, NAMES)
    return bigquery.Table.from_api_repr(table.to_api_repr() | {"type": "TABLE", "location": "EU"} | changes)


def with_column(table: bigquery.Table, path: str, **changes: Any) -> bigquery.Table:
    """The table with another column; *path* has its name, and those of the records around it."""
    described = table.to_api_repr()
    fields, (*outer, last) = described["schema"]["fields"], path.split(".")
    for name in outer:
        fields = next(each for each in fields if each["name"] == name)["fields"]
    next(each for each in fields if each["name"] == last).update(changes)
    return bigquery.Table.from_api_repr(described)


def checked(folder: Path, table: bigquery.Table | None) -> Checked:
    found = read_folder(folder)
    return check_contents(
        found, compare_tables(found, NAMES, lambda name: table, lambda sentence: None), lambda _: None
    )


def places(found: Checked) -> list[tuple[Rule, str]]:
    return [(each.rule, each.path) for each in found.findings]


@pytest.mark.parametrize(
    ("column", "path"),
    [
        ("n", "v1.n"),
        ("inner.id", "v1.inner.id"),
        ("several.id", "v1.several.id"),
        ("received", "v1.headrace.metadata.received"),
        ("_event_time", "v1"),
    ],
)
def test_a_column_of_another_type_is_found_at_its_field(tmp_path: Path, column: str, path: str) -> None:
    several = {"type": "array", "items": "Inner"}
    metadata = {"received": {"attribute": "received", "pii": "none"}}
    write_version(tmp_path, 1, ("n", "int"), ("inner", INNER), ("several", several), metadata=metadata)

    found = checked(tmp_path, with_column(existing(tmp_path), column, type="BYTES"))

    assert places(found) == [(Rule.BIGQUERY_TYPE_CHANGED, f"{SUBJECT}.{path}")]
    assert found.findings[0].why.startswith(f"table p.d.{SUBJECT}: BigQuery cannot change BYTES to ")


def test_a_column_that_newer_versions_lack_is_found_where_it_is(tmp_path: Path) -> None:
    write_version(tmp_path, 1, ("n", "int"), ("m", "int"))
    write_version(tmp_path, 2, ("n", "int"), waivers=[{"rule": "FIELD_REMOVED", "field": "m", "reason": "unused"}])
    found = checked(tmp_path, with_column(existing(tmp_path), "m", type="BYTES"))
    assert (Rule.BIGQUERY_TYPE_CHANGED, f"{SUBJECT}.v1.m") in places(found)


def test_a_change_between_versions_is_not_found_twice(tmp_path: Path) -> None:
    write_version(tmp_path, 1, ("n", "int"))
    table = existing(tmp_path)
    write_version(tmp_path, 2, ("n", "double"))
    assert places(checked(tmp_path, table)) == places(checked(tmp_path, None))


def test_rows_that_a_shorter_expiry_would_delete_are_found(tmp_path: Path) -> None:
    write_version(tmp_path, 1, ("n", "int"), expire_after_days=90)
    table = existing(tmp_path, numRows="7")
    write_version(tmp_path, 1, ("n", "int"), expire_after_days=30)
    (found,) = checked(tmp_path, table).findings
    assert (found.rule, found.path) == (Rule.TABLE_CHANGED, f"{SUBJECT}.v1.headrace.table")
    assert "BigQuery would delete older rows at once" in found.why


def test_a_table_without_partitions_is_found(tmp_path: Path) -> None:
    write_version(tmp_path, 1, ("n", "int"), expire_after_days=90)
    found = checked(tmp_path, existing(tmp_path, timePartitioning=None))
    assert places(found) == [(Rule.PARTITIONING_CHANGED, f"{SUBJECT}.v1.headrace.partition")]
