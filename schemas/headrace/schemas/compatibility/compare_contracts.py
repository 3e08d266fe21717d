"""Comparison of two versions of a contract as a whole: types, personal data, ids, and the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from headrace.schemas.classification import Mask, NotPersonal, Pii
from headrace.schemas.compatibility.compare_types import compare_records, matched
from headrace.schemas.compatibility.rules import Break, Rule
from headrace.schemas.model import Branch, Field, Record, Type, Union, inner

if TYPE_CHECKING:  # the registry imports this package
    from headrace.schemas.registry import Contract

# From what is kept of a value most to what is kept least. Parts and generalised values show some of it; tokens tell
# equal values; nothing is left of the others.
_STRENGTH: Final = {Mask.PARTIAL: 0, Mask.GENERALISE: 0, Mask.TOKENISE: 1, Mask.REDACT: 2, Mask.OMIT: 3}


def compare_contracts(old: Contract, new: Contract) -> Iterator[Break]:
    """Yield what the change from *old* to *new*, versions of one subject, breaks."""
    yield from compare_records(old.record, new.record)
    yield from _names(old.record, new.record)
    yield from _classifications(old.record, new.record, "")
    yield from _identity(old, new)
    yield from _table(old, new)


def _names(old: Record, new: Record) -> Iterator[Break]:
    if old.full_name != new.full_name:
        why = f"the record is called {new.full_name}, and was {old.full_name}"
        yield Break(Rule.NAMESPACE_CHANGED, "", why, "keep name and namespace: readers in Java find classes by them")


def _classifications(old: Record, new: Record, path: str) -> Iterator[Break]:
    for before, after in matched(old, new):
        yield from _classification(before, after, f"{path}{after.name}")
        yield from _within(before.type, after.type, f"{path}{after.name}.")


def _within(old: Type, new: Type, path: str) -> Iterator[Break]:
    match inner(old), inner(new):
        case Record() as before, Record() as after:
            yield from _classifications(before, after, path)
        case Union(branches), Union(others):
            there = {branch.member: branch for branch in others}
            for branch in branches:
                if branch.member in there:
                    other = there[branch.member]
                    yield from _classification(_as_field(branch), _as_field(other), f"{path}{branch.member}")
                    yield from _within(branch.type, other.type, f"{path}{branch.member}.")
        case _:
            return


def _as_field(branch: Branch) -> Field:
    return Field(branch.member, branch.type, pii=branch.pii)


def _classification(old: Field, new: Field, path: str) -> Iterator[Break]:
    if not isinstance(old.pii, Pii):
        return
    if not isinstance(new.pii, Pii):
        why = "it was personal data, and is stored in clear text from now on"
        remedy = "keep the classification; or say why not in a waiver"
        rule = Rule.PII_TAG_REMOVED if isinstance(new.pii, NotPersonal) else Rule.PII_UNCLASSIFIED
        yield Break(rule, path, why, remedy)
    elif _is_weaker(old.pii, new.pii):
        why = f"its mask {_described(new.pii)} shows more of a value than {_described(old.pii)}"
        yield Break(Rule.MASK_WEAKENED, path, why, "keep the mask; or say why not in a waiver")
    elif old.pii.mask is Mask.TOKENISE and new.pii.kind != old.pii.kind and new.pii.mask is Mask.TOKENISE:
        why = f"its kind is {new.pii.kind} and was {old.pii.kind}, so equal values get other tokens"
        yield Break(Rule.MASK_WEAKENED, path, why, "keep the kind")


def _is_weaker(old: Pii, new: Pii) -> bool:
    if old.mask is not new.mask:
        return _STRENGTH[new.mask] < _STRENGTH[old.mask] or _STRENGTH[new.mask] == _STRENGTH[old.mask] == 0
    kept = new.keep_first > old.keep_first or new.keep_last > old.keep_last
    return kept or new.to != old.to or (new.size or 0) < (old.size or 0)


def _described(pii: Pii) -> str:
    return f"{pii.mask} to {pii.to}" if pii.to else str(pii.mask)


def _identity(old: Contract, new: Contract) -> Iterator[Break]:
    before, after = old.options, new.options
    if (before.identity, before.id_rule) != (after.identity, after.id_rule):
        why = "ids of events are made otherwise, so an event that comes again is not known as a duplicate"
        yield Break(Rule.IDENTITY_CHANGED, "headrace.identity", why, "keep the identity; or publish a new subject")


def _table(old: Contract, new: Contract) -> Iterator[Break]:
    before, after = old.options, new.options
    if before.table != after.table:
        why = f"rows go to table {after.table}, and went to {before.table}: queries of the old one stop growing"
        yield Break(Rule.TABLE_CHANGED, "headrace.table", why, "keep the table; or waive this, and make a view of both")
    elif before.partition is not after.partition:
        why = f"partitions hold a {after.partition}, and held a {before.partition}, which BigQuery cannot change"
        yield Break(Rule.PARTITIONING_CHANGED, "headrace.partition", why, "keep the partitions, or name another table")
