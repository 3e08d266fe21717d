"""The differences of two versions of a contract: for a person as text, and for programs as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from headrace.contract_view.diff_contracts import BrokenRule, ContractDiff, Difference
from headrace.contract_view.diff_tables import TableChange
from headrace.contract_view.view_lines import change, paragraph, section

_BY_HAND: Final = "by hand, after the job is stopped"
_ORDER: Final = "only an order, or keys that Headrace does not read, changed"
_SAME: Final = "no difference"


def diff_json(diff: ContractDiff) -> dict[str, Any]:
    """Return the differences as plain values."""
    return {
        "subject": diff.subject,
        "old": diff.old,
        "new": diff.new,
        "is_same": diff.is_same,
        "contract": [each._asdict() for each in diff.settings],
        "fields": [each._asdict() for each in diff.fields],
        "masks": [each._asdict() for each in diff.masks],
        "table": {
            "name": diff.table.name,
            "changes": [each._asdict() for each in diff.table.changes],
            "refused": diff.table.refused,
        },
        "graph": [each._asdict() for each in diff.graph],
        "rules": [each._asdict() for each in diff.rules],
    }


def diff_lines(diff: ContractDiff, old: str, new: str) -> Iterator[str]:
    """Yield the lines of a difference for a person; *old* and *new* name the versions."""
    yield from paragraph(f"{diff.subject}: {old} to {new}")
    if diff.is_empty:
        yield from paragraph(_SAME if diff.is_same else _ORDER, 2)
        return
    yield from section("contract", _differences(diff.settings))
    yield from section("fields", _differences(diff.fields))
    yield from section("masks", _differences(diff.masks))
    refused = (line for each in diff.table.refused for line in paragraph(each, 2, "refused: "))
    changes = (line for each in diff.table.changes for line in _change(each))
    yield from section(f"table {diff.table.name}", (*changes, *refused))
    yield from section("graph", _differences(diff.graph))
    yield from section("rules", (line for each in diff.rules for line in _rule(each)))


def _differences(found: Sequence[Difference]) -> Iterator[str]:
    for each in found:
        yield from change(f"{each.place} {each.what}".strip(), each.before, each.after)


def _change(made: TableChange) -> Iterator[str]:
    if made.by_hand:
        yield from paragraph(_BY_HAND, 2, "-- ")
    yield from paragraph(made.text, 2, "" if made.is_sql else "-- ")


def _rule(broken: BrokenRule) -> Iterator[str]:
    waived = f" (waived: {broken.waived})" if broken.waived else ""
    place = f" {broken.path}" if broken.path else ""
    yield from paragraph(f"{broken.rule}{place}{waived}", 2)
    yield from paragraph(f"{broken.why}; {broken.remedy}", 6)
