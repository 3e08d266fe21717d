"""The contracts: whether they load, and whether the functions that they name are installed."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.config.settings import Settings, SettingsError
from headrace.doctor.findings import Finding, Level, ok, refused
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Registry
from headrace.steps.transform import missing_functions


class ContractsCheck:
    """A check that leaves the valid contracts, if there are any, in *registry*."""

    def __init__(self) -> None:
        self.registry: Registry | None = None

    def look(self, settings: Settings) -> Iterator[Finding]:
        """Load the contracts, and yield findings about them."""
        try:
            self.registry = settings.serviceable_registry()
        except SettingsError as error:
            yield refused(Level.PROBLEM, "contracts", error)
            return
        except ContractError as error:
            for each in error.faults:
                yield Finding(Level.PROBLEM, each.place, each.why, each.remedy)
            return
        yield from judge_contracts(self.registry)


def judge_contracts(registry: Registry) -> Iterator[Finding]:
    """Yield a finding for each served and each blocked subject, and for each function that is not installed."""
    for name, error in registry.blocked.items():
        for each in error.faults:
            yield Finding(Level.PROBLEM, name, f"blocked: {each.place}: {each.why}", each.remedy)
    for name, error in missing_functions(registry).items():
        what = f"`headrace run` blocks it here: {error.where}: {error.why}"
        yield Finding(Level.WARNING, name, what, error.remedy)
    for subject in registry.subjects:
        latest = registry.latest(subject)
        yield ok(subject, f"version {latest.ref.version} into table {latest.options.table}")
