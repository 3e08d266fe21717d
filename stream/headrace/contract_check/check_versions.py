"""Comparison of every version of a subject with all earlier ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from headrace.bigquery.column_changes import evolved_columns
from headrace.contract_check.field_paths import field_path
from headrace.schemas.compatibility.compare_contracts import compare_contracts
from headrace.schemas.compatibility.rules import Break, Rule
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Contract


class Broken(NamedTuple):
    """A rule that the version *contract* breaks, and the earlier *versions* against which it does."""

    contract: Contract
    found: Break
    versions: tuple[int, ...] = ()


def compare_versions(versions: Sequence[Contract]) -> Iterator[Broken]:
    """Yield what each version of one subject breaks; the oldest one comes first.

    A break is reported for the version that makes it. Later ones, which leave the field as it is then, break nothing.
    """
    told: dict[int, set[tuple[Rule, str]]] = defaultdict(set)
    unreadable: set[tuple[SchemaRef, str]] = set()
    for number, contract in enumerate(versions):
        for broken in _against_earlier(contract, versions[:number], told):
            for each in broken.versions:
                told[each].add((broken.found.rule, broken.found.where))
            if broken.found.is_fatal:
                unreadable.add((contract.ref, broken.found.where))
            yield broken
    yield from (each for each in _of_columns(versions) if (each.contract.ref, each.found.where) not in unreadable)


def edited_version(published: str = "published") -> Break:
    """Return what a version breaks that is *published*, as the word or more words say, with another content."""
    why, remedy = f"this version is {published}, and its content changed", "restore it, and write the next version"
    return Break(Rule.PUBLISHED_VERSION_EDITED, "", why, remedy)


def _against_earlier(
    contract: Contract, earlier: Sequence[Contract], told: Mapping[int, set[tuple[Rule, str]]]
) -> list[Broken]:
    found: dict[tuple[Rule, str], Broken] = {}
    for old in reversed(earlier):
        for each in compare_contracts(old, contract):
            counts = contract.options.compatibility.covers(each.direction, is_previous=old is earlier[-1])
            key, version = (each.rule, each.where), old.ref.version
            if counts and key not in told[version]:
                known = found.get(key, Broken(contract, each))
                says_more = known.found.direction is None and each.direction is not None  # it names readers that break
                told_as = each if says_more else known.found
                found[key] = known._replace(found=told_as, versions=tuple(sorted({version, *known.versions})))
    return list(found.values())


def _of_columns(versions: Sequence[Contract]) -> Iterator[Broken]:
    """Yield the changes of columns that BigQuery cannot make, each once."""
    by_name = {each.ref.short: each for each in versions}
    told: set[tuple[Rule, str]] = set()
    for refused in evolved_columns(versions).refusals:
        name = next(name for name in by_name if refused.name.startswith(f"{name}."))
        where = field_path(by_name[name].record, refused.name.removeprefix(f"{name}."))
        rule = refused.rule or Rule.BIGQUERY_TYPE_CHANGED
        if (rule, where) not in told:
            told.add((rule, where))
            yield Broken(by_name[name], Break(rule, where, refused.why, refused.remedy))
