"""The folder of contracts that a command reads, and the check of their expressions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headrace.schemas.registry import Contract

_AS_ARGUMENT: Final = (
    "contracts: missing; name the folder, as in `headrace contracts check contracts`, as HEADRACE_CONTRACTS, or in "
    "headrace.toml"
)


def chosen_folder(folder: Path | None, profile: str | None, *, by_option: bool = False) -> Path:
    """Return the folder that a person names, as an argument or *by_option*, or that of the settings.

    Raises:
        SettingsError: no folder is named.
    """
    if folder is not None:
        return folder
    from headrace.config.served_contracts import folder_named  # here, because reading settings takes time
    from headrace.config.settings import MISSING_CONTRACTS, SettingsError

    named = folder_named(None, profile)
    if named is None:
        raise SettingsError(MISSING_CONTRACTS if by_option else _AS_ARGUMENT)
    return named


def check_expressions(contract: Contract) -> None:
    """Raise ContractError if an expression of *contract* cannot be run."""
    from headrace.steps.transform import check_transformations  # imports pyarrow and sqlglot

    check_transformations(contract)
