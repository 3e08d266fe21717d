"""Statements that alter a table: executed on the old table, they make the new one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.column_changes import evolved_columns, merge_columns
from headrace.bigquery.column_renames import renames_between
from headrace.bigquery.columns import Column, columns_of
from headrace.bigquery.row_columns import OWN_COLUMNS
from headrace.contract_view.table_alterations import alterations, rename_alterations, sql_text
from headrace.schemas.registry import Contract
from tests.support.altered_tables import altered, executed
from tests.support.edited_contracts import Versions, versions
from tests.support.strategies import FIXED_PROFILE, contracts


def bare(columns: list[Column] | tuple[Column, ...]) -> list[Column]:
    """Columns without the difference of no description and an empty one, and with one name for each type."""
    return [
        replace(
            each,
            description=each.description or None,
            fields=tuple(bare(each.fields)),
            scale=each.scale or (None if each.precision is None else 0),
        )
        for each in columns
    ]


@given(versions=versions(edits=4))
@settings(FIXED_PROFILE, max_examples=120)
def test_the_statements_make_the_new_table_of_the_old_one(versions: Versions) -> None:
    there = evolved_columns([versions.old], OWN_COLUMNS).columns
    wanted = evolved_columns(versions, OWN_COLUMNS).columns
    named, then = rename_alterations(there, [*renames_between(versions.old, versions.new)])
    merged = merge_columns(then, wanted, "t").columns
    changes = [*named, *alterations(then, merged)]

    note(", ".join(sorted({each.step for each in changes})) or "nothing")
    assert bare(altered(there, changes)) == bare(merged)


@given(contract=contracts())
@settings(FIXED_PROFILE)
def test_every_column_can_be_added_by_its_statement(contract: Contract) -> None:
    wanted = merge_columns([], columns_of(contract.written), "t").columns
    assert bare(altered([], [*alterations([], wanted)])) == bare(wanted)


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
@settings(FIXED_PROFILE)
def test_any_description_is_one_literal(text: str) -> None:
    column = Column("a", "INT64", "NULLABLE")
    statement = f"ALTER TABLE `t` ALTER COLUMN `a` SET OPTIONS (description={sql_text(text)});"
    assert "\n" not in statement
    assert executed([column], statement) == [replace(column, description=text)]


WAS = Column("a", "NUMERIC", "REQUIRED", "old", precision=10, scale=2)
INNER = Column("r", "RECORD", "NULLABLE", fields=(WAS,))


@pytest.mark.parametrize(
    ("now", "statement"),
    [
        (replace(WAS, mode="NULLABLE"), "ALTER TABLE `t` ALTER COLUMN `a` DROP NOT NULL;"),
        (replace(WAS, precision=12), "ALTER TABLE `t` ALTER COLUMN `a` SET DATA TYPE NUMERIC(12, 2);"),
        (
            replace(WAS, description='"x"\n'),
            'ALTER TABLE `t` ALTER COLUMN `a` SET OPTIONS (description="\\"x\\"\\n");',
        ),
        (replace(WAS, description=""), "ALTER TABLE `t` ALTER COLUMN `a` SET OPTIONS (description=NULL);"),
    ],
)
def test_each_change_of_a_column_has_its_statement(now: Column, statement: str) -> None:
    (change,) = alterations([WAS], [now])
    assert change.told("t") == statement
    assert bare(executed([WAS], statement)) == bare([now])


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        ((replace(WAS, mode="NULLABLE"),), "column r.a may be null"),
        ((replace(WAS, precision=12),), "column r.a becomes NUMERIC(12, 2)"),
        ((replace(WAS, description="new"),), "column r.a is described: new"),
        ((WAS, Column("b", "STRING", "REPEATED")), "column r.b is added: ARRAY<STRING>"),
    ],
)
def test_a_change_within_a_record_has_no_statement(now: tuple[Column, ...], sentence: str) -> None:
    (change,) = alterations([INNER], [replace(INNER, fields=now)])
    assert (change.told("t"), change.has_statement) == (sentence, False)
