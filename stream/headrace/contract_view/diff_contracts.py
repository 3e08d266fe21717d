"""Comparison of two versions of a contract: annotations, fields, masks, table, graph, and the rules that break."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from headrace.contract_check.check_versions import compare_versions, edited_version
from headrace.contract_view.contract_settings import graph_of, settings_of, waivers_of
from headrace.contract_view.diff_tables import TableDiff, diff_tables
from headrace.contract_view.field_views import FieldView, event_fields
from headrace.contract_view.field_words import mask_words
from headrace.schemas.compatibility.matched_fields import renamed_paths
from headrace.schemas.compatibility.rules import Break
from headrace.schemas.compatibility.waivers import reason_of
from headrace.schemas.registry import Contract


class Difference(NamedTuple):
    """One thing that is otherwise: what is *before* is empty if it is new, and *after* if it is gone.

    *what* is the attribute of a field or column; it is empty for the whole of what is at the *place*.
    """

    place: str
    what: str
    before: str
    after: str


class BrokenRule(NamedTuple):
    """A rule that the newer version breaks; *waived* is the reason of its waiver."""

    rule: str
    path: str
    why: str
    remedy: str
    waived: str


class _Pair(NamedTuple):
    """A field of both versions, by its path in the newer one; None where it is not."""

    path: str
    old: FieldView | None
    new: FieldView | None


class ContractDiff(NamedTuple):
    """The differences of two versions of one subject. *is_same* is whether the two texts say the same."""

    subject: str
    old: int
    new: int
    is_same: bool
    settings: list[Difference]
    fields: list[Difference]
    masks: list[Difference]
    table: TableDiff
    graph: list[Difference]
    rules: list[BrokenRule]

    @property
    def is_empty(self) -> bool:
        """Whether nothing that Headrace reads is otherwise."""
        changed = (self.settings, self.fields, self.masks, self.graph, self.rules)
        return not any(changed) and not self.table.changes and not self.table.refused


def diff_contracts(old: Contract, new: Contract, before: Sequence[Contract], after: Sequence[Contract]) -> ContractDiff:
    """Compare two versions of one subject.

    The table has seen the versions *before*, of which *old* is the last one, and sees those *after*, of which *new* is.
    """
    is_same = old.fingerprint == new.fingerprint
    pairs = _pairs(old, new)
    return ContractDiff(
        subject=new.subject,
        old=old.ref.version,
        new=new.ref.version,
        is_same=is_same,
        settings=[
            *_differences(settings_of(old), settings_of(new)),
            *_differences(waivers_of(old), waivers_of(new), "waivers "),
        ],
        fields=[each for pair in pairs for each in _of_field(*pair)],
        masks=[*_of_masks(pairs), *_differences(_metadata_masks(old), _metadata_masks(new))],
        table=diff_tables(before, after),
        graph=[*_differences(graph_of(old), graph_of(new))],
        rules=[] if is_same else _rules(old, new),
    )


def _differences(old: Mapping[str, str], new: Mapping[str, str], prefix: str = "") -> Iterator[Difference]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            yield Difference(f"{prefix}{name}", "", before, after)


def _pairs(old: Contract, new: Contract) -> list[_Pair]:
    """Return each field in both versions, with those of the older version that are gone at the end."""
    renamed = renamed_paths(old.record, new.record)
    before = {(renamed.get(each.field, each.field), each.is_beside): each for each in event_fields(old)}
    after = {(each.field, each.is_beside): each for each in event_fields(new)}
    gone = [_Pair(key[0], each, None) for key, each in before.items() if key not in after]
    return [*(_Pair(key[0], before.get(key), each) for key, each in after.items()), *gone]


def _of_field(path: str, old: FieldView | None, new: FieldView | None) -> Iterator[Difference]:
    if old is None or new is None:
        yield Difference(path, "", _summary(old), _summary(new))
        return
    before, after = _attributes(old), _attributes(new)
    for name in before:
        if before[name] != after[name]:
            yield Difference(path, name, before[name], after[name])


def _attributes(view: FieldView) -> dict[str, str]:
    """Return what is compared; of paths the last part, because a record that is renamed renames no field in it."""
    return {
        "name": view.field.rpartition(".")[2],
        "type": view.type,
        "default": view.default,
        "aliases": ", ".join(view.aliases),
        "column": view.column.rpartition(".")[2],
        "doc": view.doc,
    }


def _summary(view: FieldView | None) -> str:
    return view.type_and_default if view else ""


def _of_masks(pairs: Sequence[_Pair]) -> Iterator[Difference]:
    for path, old, new in pairs:
        before, after = old.mask if old else "", new.mask if new else ""
        if before != after:
            yield Difference(path, "", before, after)


def _metadata_masks(contract: Contract) -> dict[str, str]:
    columns = [each.field for each in contract.options.metadata]
    return {f"headrace.metadata.{each.name}": mask_words(each.pii) for each in columns}


def _rules(old: Contract, new: Contract) -> list[BrokenRule]:
    found = [each.found for each in compare_versions([old, new]) if each.contract is new]
    if old.ref == new.ref:
        found.append(edited_version())
    return [_broken(each, new) for each in found]


def _broken(found: Break, contract: Contract) -> BrokenRule:
    waived = "" if found.is_fatal else reason_of(contract.options.waivers, found)
    return BrokenRule(found.rule.value, found.where, found.why, found.remedy, waived)
