"""Tables of BigQuery that exist, compared with those that contracts need: changes that BigQuery cannot make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from headrace.bigquery.column_renames import column_renames
from headrace.bigquery.table_changes import evolved_table, table_refusals
from headrace.bigquery.table_differences import expiry_refusals
from headrace.contract_check.check_versions import Broken
from headrace.contract_check.field_paths import field_path
from headrace.contract_check.published import Published
from headrace.core.plan_refusals import Refusal
from headrace.core.resource_names import Names
from headrace.schemas.compatibility.rules import Break, Rule
from headrace.schemas.registry import Contract, FolderContents
from headrace.util.terminal_columns import counted

if TYPE_CHECKING:
    from google.cloud import bigquery


def compare_tables(
    found: FolderContents,
    names: Names,
    existing_table: Callable[[str], bigquery.Table | None],
    note: Callable[[str], None],
) -> Published:
    """Return what contracts break of tables that exist; *existing_table* gets one by its full name, None if it is new.

    *note* gets a sentence that says how many tables were compared.
    """
    contracts = list(found.contracts.values())
    broken: list[Broken] = []
    new: list[str] = []
    for subject in found.latest:
        versions = sorted((each for each in contracts if each.subject == subject), key=lambda each: each.ref.version)
        wanted, _ = evolved_table(versions, subject, names)  # what is refused between versions is found without tables
        name = f"{wanted.project}.{wanted.dataset_id}.{wanted.table_id}"
        existing = existing_table(name)
        if existing is None:
            new.append(wanted.table_id)
            continue
        refusals = _refusals(existing, wanted, name, versions)
        broken += [_broken(each, name, versions) for each in refusals]
    missing = f"; it has no table {', '.join(new)} yet" if new else ""
    compared = counted(len(found.latest) - len(new), "table")
    note(f"compared with {compared} in {names.project}.{names.dataset}{missing}")
    return Published(broken=tuple(broken))


def _refusals(
    existing: bigquery.Table, wanted: bigquery.Table, name: str, versions: Sequence[Contract]
) -> Iterator[Refusal]:
    """Yield what a plan of provisioning would refuse."""
    refusals = table_refusals(existing, wanted, name, column_renames(versions, versions[0].subject))
    yield from refusals
    if existing.table_type == "TABLE" and existing.time_partitioning is not None:
        yield from expiry_refusals(existing, wanted, name)


def _broken(refusal: Refusal, table: str, versions: Sequence[Contract]) -> Broken:
    """Return a refusal at the field of the newest version that has the column."""
    columns = [each for each in refusal.name.removeprefix(table).split(".") if each]
    contract, where = next(_places(columns, versions), (versions[-1], ""))
    rule = refusal.rule or Rule.TABLE_CHANGED
    if rule is Rule.PARTITIONING_CHANGED:
        where = "headrace.partition"
    elif not columns:
        where = "headrace.table"
    return Broken(contract, Break(rule, where, f"table {table}: {refusal.why}", refusal.remedy))


def _places(columns: Sequence[str], versions: Sequence[Contract]) -> Iterator[tuple[Contract, str]]:
    for contract in reversed(versions) if columns else ():
        path = _field_path(columns, contract)
        if path:
            yield contract, path


def _field_path(columns: Sequence[str], contract: Contract) -> str:
    """Return the path of the field that becomes a column; empty if the contract has none."""
    first = columns[0]
    metadata = [each.field for each in contract.options.metadata]
    derived = [each.field for each in contract.transformations.derived]
    for kind, fields in (("metadata", metadata), ("derived", derived)):
        if any(each.column == first for each in fields):
            return f"headrace.{kind}.{next(each.name for each in fields if each.column == first)}"
    is_field = any(each.column == first for each in contract.written.fields)
    return field_path(contract.written, ".".join(columns)) if is_field else ""
