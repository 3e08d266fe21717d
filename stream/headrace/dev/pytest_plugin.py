"""Plugin of pytest: cases beside contracts as tests, and fixtures for tests of an application with tables.

The SDK's plugin has the setting ``headrace_contracts`` and the fixtures of producers. Without the setting, nothing is
collected. pytest imports this module in every environment that has Headrace, so it imports the rest only when it is
used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from headrace.producers.pytest_plugin import contracts_folder, needed_folder

if TYPE_CHECKING:
    from datetime import datetime

    from headrace.dev.contract_tests.memory_table import MemoryTable
    from headrace.dev.contract_tests.run_cases import ReadyCase
    from headrace.schemas.registry import Registry


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect files of cases in the folder of the contracts."""
    folder = contracts_folder(parent.config)
    if folder is None or not file_path.is_relative_to(folder):
        return None
    from headrace.dev.contract_tests.find_cases import is_case_file

    return CasesCollector.from_parent(parent, path=file_path) if is_case_file(file_path) else None


class CasesCollector(pytest.File):
    """A file of cases."""

    def collect(self) -> Iterable[pytest.Item]:
        """Return the cases; an invalid file is an error of the collection."""
        from headrace.config.settings import load_contracts
        from headrace.dev.contract_tests.case_file import CaseFile
        from headrace.dev.contract_tests.find_cases import contracts_beside
        from headrace.dev.contract_tests.run_cases import ready_cases
        from headrace.errors import HeadraceError

        try:
            folder = contracts_beside(self.path) or needed_folder(self.config)
            cases = ready_cases(CaseFile.read(self.path), load_contracts(folder))
        except HeadraceError as error:
            raise self.CollectError(str(error)) from None
        return [CaseItem.from_parent(self, name=case.name, case=case) for case in cases]


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: ReadyCase, **more: Any) -> None:
        super().__init__(**more)
        self._case = case

    def runtest(self) -> None:
        """Run the case; fail with the differences."""
        failures = self._case.run().failures
        if failures:
            place = f"{self.path}, line {self._case.line}"
            pytest.fail("\n".join([place, *(f"  {failure}" for failure in failures)]), pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return file, line and name for reports."""
        return self.path, self._case.line - 1, self.name


class NewTable(Protocol):
    """The type of the fixture ``headrace_table``."""

    def __call__(self, subject: str, *, now: datetime | None = None) -> MemoryTable:
        """Return the empty table of a subject; messages arrive at *now*, by default at the clock's time."""


@pytest.fixture
def headrace_table(headrace_registry: Registry) -> NewTable:
    """Return a function that makes tables in memory, which the steps of the engine fill."""
    from headrace.dev.contract_tests.memory_table import MemoryTable

    def new_table(subject: str, *, now: datetime | None = None) -> MemoryTable:
        return MemoryTable(headrace_registry, subject, now=now)

    return new_table


@pytest.fixture(scope="session")
def headrace_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the local broker for the session, point ``PUBSUB_EMULATOR_HOST`` to it, and return its address."""
    from headrace.dev.emulators import running_pubsub
    from headrace.runtime.google_clients import PUBSUB

    with running_pubsub(tmp_path_factory.mktemp("headrace-broker")) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv(PUBSUB, address)
        yield address
