"""Contradictions between the contracts of one registry, by subject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from headrace.schemas.compatibility.compare_contracts import backward_breaks
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import Faults, together
from headrace.schemas.message_rules.lint import lint_versions
from headrace.schemas.resolve import resolve_record

if TYPE_CHECKING:  # the registry imports this module
    from headrace.schemas.registry import Contract


def contradictions(contracts: Iterable[Contract], latest: Mapping[str, Contract]) -> dict[str, ContractError]:
    """Return, by subject, the contradictions between contracts of a registry."""
    faults: dict[str, Faults] = {}
    listed = list(contracts)
    for contract in listed:
        newest = latest[contract.subject]
        try:
            resolve_record(contract.record, newest.record, f"{contract.subject}.v{newest.ref.version}.")
        except ContractError as error:
            named = _named_rules(contract, newest, error)
            faults.setdefault(contract.subject, Faults()).add(named)
    for subject, fault in contradictions_beside_events(listed, latest):
        faults.setdefault(subject, Faults()).add(fault.faults)
    return {subject: together(each.found) for subject, each in faults.items()}


def _named_rules(old: Contract, new: Contract, error: ContractError) -> Iterator[ContractError]:
    """Yield why *new* cannot read events of *old*, each with the rule that `headrace contracts check` names for it."""
    where = new.ref.short
    rules = {f"{where}.{each.where}": each.rule for each in backward_breaks(old, new)}
    for each in error.faults:
        rule = rules.get(each.where)
        told = f" ({rule})" if rule else ""
        why = f"events of v{old.ref.version} cannot be read{told}: {each.why}"
        yield ContractError(each.where, why, each.remedy, rule=rule or each.rule)


def contradictions_beside_events(
    contracts: Iterable[Contract], latest: Mapping[str, Contract]
) -> Iterator[tuple[str, ContractError]]:
    """Yield subjects with what their contracts say of messages or tables that contradicts another contract."""
    yield from _contradicting_versions(contracts).items()
    yield from _shared_tables(latest).items()


def _contradicting_versions(contracts: Iterable[Contract]) -> dict[str, ContractError]:
    """Return, by subject, what its versions say of messages that contradicts itself."""
    faults: dict[str, ContractError] = {}
    ordered = sorted(contracts, key=lambda contract: contract.ref)
    for subject, versions in groupby(ordered, key=lambda contract: contract.subject):
        try:
            lint_versions([*versions])
        except ContractError as error:
            faults[subject] = error
    return faults


def _shared_tables(latest: Mapping[str, Contract]) -> dict[str, ContractError]:
    """Return an error for each of two subjects that name the same table: its owner is unclear, so neither writes it."""
    owners: dict[str, tuple[str, str]] = {}  # the subject, and the place where it names the table
    faults: dict[str, ContractError] = {}
    for subject, contract in latest.items():
        for table, place in _named_tables(contract):
            other, other_place = owners.setdefault(table, (subject, place))
            if other != subject:
                for one, at, another in ((subject, place, other), (other, other_place, subject)):
                    why = f"{another} writes table {table} too"
                    faults.setdefault(one, ContractError(at, why, "name another table in one of them"))
    return faults


def _named_tables(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield each table and view of a contract, with the place of its name."""
    where = f"{contract.ref.short}.headrace"
    yield from ((table, f"{where}.table") for table in contract.options.tables)
    yield from ((each.name, f"{where}.rollups.{each.name}") for each in contract.transformations.rollups)
