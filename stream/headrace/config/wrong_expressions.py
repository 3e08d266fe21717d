"""Faults in the expressions of contracts. Arrow and the parser are imported only for contracts that have some."""

from __future__ import annotations

from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Registry


def wrong_expressions(registry: Registry) -> dict[str, ContractError]:
    """Return, by subject, why expressions of its newest contract are invalid."""
    faults = {}
    for contract in map(registry.latest, registry.subjects):
        if not contract.transformations.is_empty:
            from headrace.steps.transform import check_transformations  # imports pyarrow and sqlglot

            try:
                check_transformations(contract)
            except ContractError as error:
                faults[contract.subject] = error
    return faults
