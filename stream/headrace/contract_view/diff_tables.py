"""Changes of a subject's table from one version of its contract to another, as ``headrace provision`` makes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from headrace.bigquery.column_changes import evolved_columns, merge_columns
from headrace.bigquery.column_renames import KEEP_THE_NAME, fixed_column, renames_between
from headrace.bigquery.columns import TABLE_DOC, description
from headrace.bigquery.row_columns import OWN_COLUMNS
from headrace.contract_view.table_alterations import Alteration, alterations, rename_alterations, sql_text
from headrace.core.plan_refusals import Refusal
from headrace.schemas.registry import Contract

_TABLE_OR_VERSION: Final = re.compile(r"^[^.]+(\.v\d+)?\.")


class TableChange(NamedTuple):
    """One change: a statement of SQL, or a sentence; *by_hand* is whether a person makes it, after stopping the job."""

    text: str
    is_sql: bool
    by_hand: bool = False


class TableDiff(NamedTuple):
    """The changes of a table, and what BigQuery cannot change, each with its remedy."""

    name: str
    changes: list[TableChange]
    refused: list[str]


def diff_tables(before: Sequence[Contract], after: Sequence[Contract]) -> TableDiff:
    """Compare the table of the versions *before* with that of *after*, which begins with them; the oldest comes first.

    A version that names another table has a new table, which nothing is altered for.
    """
    old, new = before[-1], after[-1]
    table = new.options.table
    if old.options.table != table:
        made = TableChange(
            f"rows go to table {table}, which is new, and no longer to {old.options.table}", is_sql=False
        )
        return TableDiff(table, [made], [])
    renames = [each for older, newer in pairwise(after[len(before) - 1 :]) for each in renames_between(older, newer)]
    there, known = evolved_columns(before, OWN_COLUMNS)
    wanted, refusals = evolved_columns(after, OWN_COLUMNS)
    named, there_then = rename_alterations(there, renames)
    merged = merge_columns(there_then, wanted, table)
    fixed = [(each, fixed_column(each.within, each.old, _clustered(old))) for each in named]
    steps = [*(each for each, what in fixed if not what), *alterations(there_then, merged.columns)]
    impossible = [_not_renamed(each, what) for each, what in fixed if what]
    changes = [TableChange(each.told(table), each.has_statement, each.by_hand) for each in steps]
    told = [*impossible, *_new_refusals(known, (*refusals, *merged.refusals))]
    return TableDiff(table, [*changes, *_properties(old, new)], told)


def _new_refusals(known: Sequence[Refusal], found: Sequence[Refusal]) -> Iterator[str]:
    """Yield each refusal once that was not there before; every later version refuses the same change again."""
    told = {(_column_of(each), each.why) for each in known}
    for each in found:
        if (key := (_column_of(each), each.why)) not in told:
            told.add(key)
            yield f"{each.name}: {each.why}; {each.remedy}"


def _column_of(refusal: Refusal) -> str:
    """Return the path of the column, without the table or the version that the refusal names."""
    return _TABLE_OR_VERSION.sub("", refusal.name)


def _not_renamed(rename: Alteration, what: str) -> str:
    name = ".".join((*rename.within, rename.column.name))
    return f"{name}: the table has this column as {rename.old}, and BigQuery cannot rename {what}; {KEEP_THE_NAME}"


def _properties(old: Contract, new: Contract) -> Iterator[TableChange]:
    before, after, table = old.options, new.options, new.options.table
    if before.expire_after_days != after.expire_after_days:
        days = "NULL" if after.expire_after_days is None else after.expire_after_days
        yield _options(table, f"partition_expiration_days={days}")
    if before.require_partition_filter != after.require_partition_filter:
        yield _options(table, f"require_partition_filter={str(after.require_partition_filter).lower()}")
    if old.doc != new.doc:
        yield _description(new)
    if _clustered(old) != _clustered(new):
        yield TableChange(f"the table is clustered by {', '.join(_clustered(new)) or 'nothing'}", is_sql=False)


def _clustered(contract: Contract) -> list[str]:
    return [contract.column(name) for name in contract.options.cluster]


def _description(contract: Contract) -> TableChange:
    """Return the change of a table's description, which also holds the versions of the masking key if there are any."""
    if contract.makes_tokens:
        return TableChange("the description of the table is another one", is_sql=False)
    return _options(contract.options.table, f"description={sql_text(description(contract.doc, TABLE_DOC))}")


def _options(table: str, option: str) -> TableChange:
    return TableChange(f"ALTER TABLE `{table}` SET OPTIONS ({option});", is_sql=True)
