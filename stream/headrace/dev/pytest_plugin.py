"""Plugin of pytest: cases beside contracts as tests, and fixtures for tests of an application.

pytest imports this module in every environment that has Headrace, so it imports the rest only when it is used. Without
``headrace_contracts`` in pytest's configuration it collects nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

if TYPE_CHECKING:
    from datetime import datetime

    from headrace.dev.contract_tests.memory_table import MemoryTable
    from headrace.dev.contract_tests.run_cases import ReadyCase
    from headrace.producers.testing import FakePublisher
    from headrace.schemas.registry import Registry

SETTING: Final = "headrace_contracts"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting that names the folder of the contracts."""
    parser.addini(SETTING, "Folder of Headrace's contracts; its *.test.yaml are collected.", type="paths", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a setting that names several folders."""
    _folder(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect files of cases in the folder of the contracts."""
    folder = _folder(parent.config)
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
            folder = contracts_beside(self.path) or _folder_needed(self.config)
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
def fake_publisher() -> FakePublisher:
    """Return a publisher that records messages, for an ``EventProducer``."""
    from headrace.producers.testing import FakePublisher

    return FakePublisher()


@pytest.fixture(scope="session")
def headrace_registry(pytestconfig: pytest.Config) -> Registry:
    """Return the contracts of the folder that ``headrace_contracts`` names."""
    from headrace.config.settings import load_contracts

    return load_contracts(_folder_needed(pytestconfig))


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


def _folder(config: pytest.Config) -> Path | None:
    folders: list[Path] = config.getini(SETTING)
    if len(folders) > 1:
        raise pytest.UsageError(f"{SETTING}: {len(folders)} folders; name one")
    return folders[0] if folders else None


def _folder_needed(config: pytest.Config) -> Path:
    folder = _folder(config)
    if folder is None:
        raise pytest.UsageError(f"{SETTING}: missing; name the folder of the contracts in pytest's configuration")
    return folder
