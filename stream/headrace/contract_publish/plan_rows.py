"""Rows for people and programs: what is published, what would be, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, assert_never

from headrace.contract_check.findings import Finding
from headrace.contract_publish.bucket import Upload
from headrace.contract_publish.plan_schema import Commit, Delete, SchemaPlan
from headrace.contract_publish.plan_schemas import SubjectPlan
from headrace.core.plan_refusals import Refusal

KEEP, REFUSE = "keep", "refuse"


def finding_row(found: Finding) -> dict[str, Any]:
    """Return the row of a rule that a contract breaks."""
    return _row(REFUSE, "contract", found.path, rule=found.rule, why=f"{found.why}; {found.remedy}")


def upload_row(each: Upload, address: str) -> dict[str, Any]:
    """Return the row of a file that the bucket lacks, or has otherwise."""
    return _row("upload" if each.is_new else "replace", "file", address)


def kept_row(address: str) -> dict[str, Any]:
    """Return the row of a file that the bucket has."""
    return _row(KEEP, "file", address)


def schema_rows(found: SubjectPlan, made: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a schema: versions that have revisions, then refusals or steps.

    *made* has the revisions that versions have got; it is empty before anything is done.
    """
    plan = found.plan
    for version, revisions in sorted(plan.by_version.items()):
        yield _row(KEEP, "revision", plan.schema, version=version, revision=" ".join(revisions))
    yield from map(_refusal_row, plan.refusals)
    yield from _step_rows(plan, made)


def _step_rows(plan: SchemaPlan, made: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    for step in plan.steps:
        match step:
            case Commit(version, creates):
                what, action = ("schema", "create") if creates else ("revision", "commit")
                yield _row(action, what, plan.schema, version=version, revision=made.get(version, ""))
            case Delete(revision, why):
                yield _row("delete", "revision", plan.schema, revision=revision, why=why)
            case _:
                assert_never(step)


def table_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows for a table: what changes or is refused, by short names, without columns that are empty."""
    listed = [_table_row(each) for each in rows if each["action"] != KEEP]
    filled = {column for row in listed for column, value in row.items() if value}
    return [{column: value for column, value in row.items() if column in filled} for row in listed]


def _table_row(row: Mapping[str, Any]) -> dict[str, str]:
    version = "" if row["version"] is None else f".v{row['version']}"
    return {
        "action": row["action"],
        "what": row["what"],
        "name": f"{row['name'].rpartition('/')[2]}{version}",
        "revision": row["revision"],
        "why": f"{row['rule']}: {row['why']}" if row["rule"] else row["why"],
    }


def _refusal_row(refusal: Refusal) -> dict[str, Any]:
    why = f"{refusal.why}; {refusal.remedy}"
    return _row(REFUSE, refusal.what, refusal.name, rule=refusal.rule or "", why=why)


def _row(
    action: str, what: str, name: str, *, version: int | None = None, revision: str = "", rule: str = "", why: str = ""
) -> dict[str, Any]:
    return {
        "action": action,
        "what": what,
        "name": name,
        "version": version,
        "revision": revision,
        "rule": str(rule),
        "why": why,
    }
