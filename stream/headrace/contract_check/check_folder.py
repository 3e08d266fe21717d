"""Check of a folder of contracts: each by itself, every version against all earlier ones, and the table of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Final, NamedTuple

from headrace.bigquery.columns import COLUMN_DOC, TABLE_DOC
from headrace.contract_check.check_versions import Broken, compare_versions, edited_version
from headrace.contract_check.findings import Finding, Places
from headrace.contract_check.published import Published
from headrace.contract_check.waived_fields import unknown_fields
from headrace.schemas.compatibility.published_content import is_edited
from headrace.schemas.compatibility.rules import Break, Rule
from headrace.schemas.compatibility.waivers import reason_of
from headrace.schemas.contradictions import contradictions_beside_events
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.folder import SUFFIX, ref_of
from headrace.schemas.model import walk
from headrace.schemas.registry import Contract, FolderContents
from headrace.schemas.suggestions import suggest_fields

_REFUSED: Final = "no waiver counts, because the job refuses such a contract"


class Checked(NamedTuple):
    """The *findings* in the order of files and lines, of so many *subjects* and *versions*, readable or not."""

    findings: list[Finding]
    subjects: int
    versions: int


def check_contents(
    found: FolderContents, published: Published, check_expressions: Callable[[Contract], None]
) -> Checked:
    """Check every contract of a folder that was read.

    Versions that are *published* must not change, and count as earlier ones of later versions. *check_expressions*
    raises ContractError for a contract whose expressions cannot be run. It gets the newest version of each subject that
    has some, because these count for events of every version.
    """
    places = Places(found.sources)
    waived = unknown_fields({**published.contracts, **found.contracts}, found.contracts.keys())
    faults = (*_faults(found), *_of_expressions(found, check_expressions), *waived)
    located = [places.finding(fault) for fault in faults]
    changes = (*_of_changes(found, published.contracts), *_of_published(found, published), *published.broken)
    for broken in (*changes, *_of_names(found), *_of_docs(found)):
        located.append(_located(broken, places))
    located += [_gone(ref, published.named(ref)) for ref in published.contracts if _is_gone(ref, found)]
    subjects = {ref.subject for ref in found.contracts} | set(found.blocked)
    ordered = sorted(dict.fromkeys(located), key=lambda each: (each.file, each.line, each.path, each.rule))
    return Checked(ordered, len(subjects), sum(ref_of(name) is not None for name in found.sources))


def _faults(found: FolderContents) -> Iterator[ContractError]:
    """Yield the faults of each contract by itself, and contradictions of what contracts say beside their events."""
    for error in found.blocked.values():
        yield from error.faults
    latest = found.latest
    for subject, error in contradictions_beside_events(found.contracts.values(), latest):
        name = f"{subject}.v{latest[subject].ref.version}.headrace.table"  # of two subjects with one table
        for each in error.faults:
            yield each if each.where != subject else ContractError(name, each.why, each.remedy)


def _of_expressions(found: FolderContents, check: Callable[[Contract], None]) -> Iterator[ContractError]:
    for contract in found.latest.values():
        if not contract.transformations.is_empty:
            try:
                check(contract)
            except ContractError as error:
                yield from error.faults


def _of_changes(found: FolderContents, before: Mapping[SchemaRef, Contract]) -> Iterator[Broken]:
    contracts = {**before, **found.contracts}
    for _, refs in groupby(sorted(contracts), key=lambda ref: ref.subject):
        for broken in compare_versions([contracts[ref] for ref in refs]):
            if broken.contract.ref in found.contracts:
                yield broken


def _of_published(found: FolderContents, published: Published) -> Iterator[Broken]:
    for ref, contract in found.contracts.items():
        if ref in published.contracts and is_edited(published.contracts[ref], contract):
            yield Broken(contract, edited_version(published.named(ref)))


def _is_gone(ref: SchemaRef, found: FolderContents) -> bool:
    """Return whether a published version of a subject is gone; one that is only faulty now is reported as such."""
    subjects = {each.subject for each in found.contracts}
    return ref.subject in subjects and ref.short not in found.sources


def _gone(ref: SchemaRef, published: str) -> Finding:
    name = ref.short
    why = f"this version is {published}, and its file is gone"
    remedy = "restore it, because the job needs it for older events; if it was added there later, merge that first"
    return Finding(Rule.PUBLISHED_VERSION_EDITED, f"{name}{SUFFIX}", 1, name, why, remedy)


def _of_names(found: FolderContents) -> Iterator[Broken]:
    """Yield fields that seem personal, in the newest version of subjects that are declared free of personal data."""
    for contract in found.latest.values():
        if any(field.pii is not None for _, field in walk(contract.record)):
            continue
        for each in suggest_fields(contract.record, json.loads(contract.json)):
            if each.pii is not None:
                why = f"seems personal by {each.why}, and the contract says that the subject has no personal data"
                remedy = "classify the fields of the subject, or waive the rule for this field with the reason"
                suspected = Break(Rule.PII_SUSPECTED, each.path, why, remedy)
                yield Broken(_answering(found, contract, suspected), suspected)


def _answering(found: FolderContents, newest: Contract, suspected: Break) -> Contract:
    """Return the version that waives what is suspected, because a later one need not repeat it; else the newest."""
    versions = (each for each in found.contracts.values() if each.subject == newest.subject)
    return next((each for each in versions if reason_of(each.options.waivers, suspected)), newest)


def _of_docs(found: FolderContents) -> Iterator[Broken]:
    """Yield descriptions that are too long; those of the newest version are the ones in BigQuery."""
    for contract in found.latest.values():
        docs = [(path, field.doc, COLUMN_DOC) for path, field in walk(contract.record)]
        derived = [each.field for each in contract.transformations.derived]
        docs += [(f"headrace.derived.{each.name}", each.doc, COLUMN_DOC) for each in derived]
        for path, doc, most in [("", contract.doc, TABLE_DOC), *docs]:
            if len(doc) > most:
                why = f"its doc has {len(doc):,} characters, and BigQuery shows {most:,} of them"
                yield Broken(contract, Break(Rule.DOC_TOO_LONG, path, why, "shorten it"))


def _located(broken: Broken, places: Places) -> Finding:
    contract, found = broken.contract, broken.found
    name = contract.ref.short
    where = f"{name}.{found.where}" if found.where else name
    against = f"against {' and '.join(f'v{each}' for each in broken.versions)}: " if broken.versions else ""
    waived = reason_of(contract.options.waivers, found)
    remedy, waived = (f"{found.remedy}; {_REFUSED}", "") if waived and found.is_fatal else (found.remedy, waived)
    return places.finding(ContractError(where, f"{against}{found.why}", remedy, rule=found.rule), waived)
