"""What `provision` says of a column that a newer version calls otherwise."""

from __future__ import annotations

from typing import Any

from google.cloud import bigquery

from headrace.bigquery.column_renames import Rename, column_renames
from headrace.bigquery.table_changes import evolved_table, merged_columns, table_changes, table_refusals
from headrace.core.resource_names import Names
from headrace.schemas.registry import Registry
from tests.support.builders import a_contract, a_record

NAMES = Names("p")
FIRST = a_contract(("mail", "string"), ("home", a_record("Home", ("plz", "string"))), ("n", "int"))
SECOND = a_contract(
    ("email", "string", {"aliases": ["mail"]}),
    ("home", a_record("Home", ("zip", "string", {"aliases": ["plz"]}))),
    ("n", "int"),
    version=2,
)
TOP = a_contract(
    ("email", "string", {"aliases": ["mail"]}), ("home", a_record("Home", ("plz", "string"))), ("n", "int"), version=2
)


def registry(*contracts: Any) -> Registry:
    return Registry({each.ref: each for each in contracts})


def there(*contracts: Any, **changes: Any) -> bigquery.Table:
    table, _ = evolved_table(registry(*contracts), "thing_happened", NAMES)
    return bigquery.Table.from_api_repr(table.to_api_repr() | {"type": "TABLE"} | changes)


def refusals(existing: bigquery.Table, *contracts: Any) -> list[str]:
    served = registry(*contracts)
    table, refused = evolved_table(served, "thing_happened", NAMES)
    assert refused == []
    return [str(each) for each in table_refusals(existing, table, "t", column_renames(served, "thing_happened"))]


def test_a_new_table_has_the_new_name_in_the_place_of_the_old_one() -> None:
    table = there(FIRST, SECOND)

    assert [column.name for column in table.schema][:3] == ["email", "home", "n"]
    assert [column.name for column in table.schema[1].fields] == ["zip"]
    assert table.schema[0].mode == "REQUIRED", "it is no new column"


def test_an_existing_column_is_refused_with_the_statement_that_renames_it() -> None:
    (refused,) = refusals(there(FIRST), FIRST, TOP)

    assert refused == (
        "t.email: the table has this column as mail; stop the job, and run: "
        "ALTER TABLE `p.headrace.things` RENAME COLUMN `mail` TO `email`"
    )


def test_after_the_statement_nothing_is_left_to_change() -> None:
    done = list(there(FIRST).to_api_repr()["schema"]["fields"])
    done[0]["name"] = "email"
    existing = there(FIRST, schema={"fields": done})
    wanted, _ = evolved_table(registry(FIRST, TOP), "thing_happened", NAMES)

    assert refusals(existing, FIRST, TOP) == []
    assert table_changes(existing, wanted, "t") == {}
    assert merged_columns(existing.schema, wanted.schema, "t").columns == existing.schema


def test_a_column_within_a_record_is_refused_with_what_can_be_done() -> None:
    _, nested = refusals(there(FIRST), FIRST, SECOND)

    assert nested.startswith(
        "t.home.zip: the table has this column as plz; BigQuery cannot rename a column within a record"
    )
    assert nested.endswith("keep the field's old name, or name another table in the contract")


def test_a_column_that_the_table_is_clustered_by_is_refused_with_what_can_be_done() -> None:
    (refused,) = refusals(there(FIRST, clustering={"fields": ["mail"]}), FIRST, TOP)

    assert "cannot rename a column that the table is clustered by: keep the field's old name" in refused


def test_a_column_that_was_renamed_twice_is_renamed_to_its_last_name() -> None:
    third = a_contract(("address", "string", {"aliases": ["email", "mail"]}), *FIELDS, version=3)

    assert column_renames(registry(FIRST, TOP, third), "thing_happened") == [
        Rename((), "mail", "email"),
        Rename((), "email", "address"),
    ]
    for older in ((FIRST,), (FIRST, TOP)):
        (refused,) = refusals(there(*older), FIRST, TOP, third)
        assert refused.endswith("TO `address`")


FIELDS = (("home", a_record("Home", ("plz", "string"))), ("n", "int"))
