"""Check of a folder of contracts: each by itself, every version against all earlier ones, and the table of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, groupby
from pathlib import Path
from typing import Final, NamedTuple

from headrace.bigquery.table_changes import evolved_table
from headrace.contract_check.findings import Finding
from headrace.core.resource_names import Names
from headrace.schemas.compatibility.compare_contracts import compare_contracts
from headrace.schemas.compatibility.rules import Break, Rule
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.fault_lines import SourceFile, with_lines
from headrace.schemas.model import walk
from headrace.schemas.registry import Contract, read_folder

MAX_DESCRIPTION: Final = 1024  # characters: cloud.google.com/bigquery/docs/schemas#column_descriptions
_NAMES: Final = Names("not-asked", "events")
_UNCLASSIFIED: Final = "not classified"


class Checked(NamedTuple):
    """The *findings* in the order of files and lines, of contracts of so many *subjects* and *versions*."""

    findings: list[Finding]
    subjects: int
    versions: int


def check_folder(folder: Path, published: Mapping[SchemaRef, Contract] | None = None) -> Checked:
    """Check every contract of a folder.

    *published* are the contracts of an earlier state: versions that are there must not change, and count as earlier
    ones of later versions.

    Raises:
        ContractError: the folder cannot be read, or holds no contract.
    """
    found = read_folder(folder)
    breaks = [(None, fault) for error in found.blocked.values() for fault in error.faults]
    located = [_of_fault(each, found.sources) for _, each in breaks]
    before = published or {}
    for subject, listed in groupby(sorted({**before, **found.contracts}), key=lambda ref: ref.subject):
        refs = list(listed)
        versions = [found.contracts[ref] if ref in found.contracts else before[ref] for ref in refs]
        located += _of_versions(versions, found.contracts, found.sources)
        if subject not in found.blocked:
            located += _of_table(versions, found.sources)
    for ref, contract in found.contracts.items():
        located += _of_docs(contract, found.sources)
        if ref in before and before[ref].fingerprint != contract.fingerprint:
            located.append(_edited(contract, found.sources))
    subjects = {ref.subject for ref in found.contracts} | set(found.blocked)
    ordered = sorted(dict.fromkeys(located), key=lambda each: (each.file, each.line, each.path, each.rule))
    return Checked(ordered, len(subjects), len(found.contracts))


def _of_fault(fault: ContractError, sources: Mapping[str, Sequence[SourceFile]]) -> Finding:
    rule = Rule.PII_UNCLASSIFIED if fault.why.startswith(_UNCLASSIFIED) else Rule.CONTRACT_INVALID
    return _located(rule, fault.where, fault.why, fault.remedy, sources)


def _of_versions(
    versions: Sequence[Contract],
    own: Mapping[SchemaRef, Contract],
    sources: Mapping[str, Sequence[SourceFile]],
) -> Iterator[Finding]:
    for old, new in combinations(versions, 2):
        if new.ref not in own:
            continue
        directions = new.options.compatibility.directions
        for each in compare_contracts(old, new):
            if each.direction is None or each.direction in directions:
                since = f"against v{old.ref.version}: {each.why}"
                yield _waived(each, new, _at(new, each.rule, each.where, since, each.remedy, sources))


def _waived(found: Break, contract: Contract, finding: Finding) -> Finding:
    reasons = [each.reason for each in contract.options.waivers if each.covers(found)]
    return finding._replace(waived=reasons[0]) if reasons else finding


def _of_table(versions: Sequence[Contract], sources: Mapping[str, Sequence[SourceFile]]) -> Iterator[Finding]:
    """Yield the changes of columns that BigQuery cannot make."""
    _, refusals = evolved_table(versions, versions[0].subject, _NAMES)
    for each in refusals:
        rule = Rule.COLUMN_CASE_COLLISION if "one column" in each.why else Rule.BIGQUERY_TYPE_CHANGED
        if "partitioning" not in each.why:  # told of the annotation
            yield _located(rule, each.name, each.why, each.remedy, sources)


def _of_docs(contract: Contract, sources: Mapping[str, Sequence[SourceFile]]) -> Iterator[Finding]:
    for path, field in walk(contract.record):
        if len(field.doc) > MAX_DESCRIPTION:
            why = f"its doc has more than {MAX_DESCRIPTION:,} characters, which a column's description cannot hold"
            yield _at(contract, Rule.DOC_TOO_LONG, path, why, "shorten it", sources)


def _edited(contract: Contract, sources: Mapping[str, Sequence[SourceFile]]) -> Finding:
    why, remedy = "this version is published, and its file changed", "restore it, and write the next version"
    return _at(contract, Rule.PUBLISHED_VERSION_EDITED, "", why, remedy, sources)


def _at(
    contract: Contract, rule: Rule, where: str, why: str, remedy: str, sources: Mapping[str, Sequence[SourceFile]]
) -> Finding:
    name = f"{contract.subject}.v{contract.ref.version}"
    return _located(rule, f"{name}.{where}" if where else name, why, remedy, sources)


def _located(rule: Rule, where: str, why: str, remedy: str, sources: Mapping[str, Sequence[SourceFile]]) -> Finding:
    error = with_lines(ContractError(where, why, remedy), sources)
    file, _, line = error.source.rpartition(":")
    return Finding(rule, file or where, int(line or 1), where, error.why, error.remedy)
