"""Check of the expressions of contracts, which imports Arrow and the parser only for contracts that have some."""

from __future__ import annotations

from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.transformations import Transformations


def check_expressions(contract: Contract) -> None:
    """Check the expressions of a contract against its columns; raises ContractError, with all that are invalid."""
    if contract.transformations != Transformations():
        from headrace.steps.transform import check_transformations  # imports pyarrow and sqlglot

        check_transformations(contract)


def wrong_expressions(registry: Registry) -> dict[str, ContractError]:
    """Return, by subject, why expressions of its newest contract are invalid."""
    faults = {}
    for contract in map(registry.latest, registry.subjects):
        try:
            check_expressions(contract)
        except ContractError as error:
            faults[contract.subject] = error
    return faults
