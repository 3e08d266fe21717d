"""Plugin of pytest: fixtures for the tests of an application that publishes.

pytest imports this module in every environment that has the SDK, so it imports the rest only when it is used.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

if TYPE_CHECKING:
    from headrace.producers.testing import FakeProducer, FakePublisher
    from headrace.schemas import Registry

SETTING: Final = "headrace_contracts"
UPDATE: Final = "--headrace-update-golden"
_HINT: Final = f"to write it anew, run pytest with {UPDATE}, and review the change"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting that names the folder of the contracts, and the option that writes golden files."""
    parser.addini(SETTING, "Folder of Headrace's contracts; its *.test.yaml are collected.", type="paths", default=[])
    parser.addoption(UPDATE, action="store_true", help="write the golden files of headrace_golden instead of comparing")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a setting that names several folders."""
    contracts_folder(config)


class CompareGolden(Protocol):
    """The type of the fixture ``headrace_golden``."""

    def __call__(self, producer: FakeProducer, name: str) -> None:
        """Compare the events of *producer* with the file *name* beside the test."""


@pytest.fixture
def fake_publisher() -> FakePublisher:
    """Return a publisher that records messages, for an ``EventProducer``."""
    from headrace.producers.testing import FakePublisher

    return FakePublisher()


@pytest.fixture(scope="session")
def headrace_registry(pytestconfig: pytest.Config) -> Registry:
    """Return the contracts of the folder that ``headrace_contracts`` names."""
    from headrace.schemas import Registry

    return Registry.load(needed_folder(pytestconfig))


@pytest.fixture
def fake_producer(headrace_registry: Registry) -> FakeProducer:
    """Return a producer of the project's contracts that records events."""
    from headrace.producers.testing import FakeProducer

    return FakeProducer(headrace_registry)


@pytest.fixture
def headrace_golden(request: pytest.FixtureRequest) -> CompareGolden:
    """Return a function that compares published events with a golden file, or writes it with the option."""

    def compare(producer: FakeProducer, name: str) -> None:
        __tracebackhide__ = True
        file = request.path.parent / name
        events = producer.as_json()
        if request.config.getoption(UPDATE):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_text(events), encoding="utf-8")
            return
        if events != _read(file):
            pytest.fail(f"{file}: the events differ; {_HINT}\n{_difference(file, events)}", pytrace=False)

    return compare


def contracts_folder(config: pytest.Config) -> Path | None:
    """Return the folder that the setting names, or None. Raises UsageError if it names several."""
    folders: list[Path] = config.getini(SETTING)
    if len(folders) > 1:
        raise pytest.UsageError(f"{SETTING}: {len(folders)} folders; name one")
    return folders[0] if folders else None


def needed_folder(config: pytest.Config) -> Path:
    """Return the folder that the setting names. Raises UsageError without one."""
    folder = contracts_folder(config)
    if folder is None:
        raise pytest.UsageError(f"{SETTING}: missing; name the folder of the contracts in pytest's configuration")
    return folder


def _read(file: Path) -> Any:
    if not file.exists():
        pytest.fail(f"{file}: not found; {_HINT}", pytrace=False)
    return json.loads(file.read_text(encoding="utf-8"))


def _text(events: Any) -> str:
    return json.dumps(events, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _difference(file: Path, events: Any) -> str:
    """Return the lines that differ. The values are those of a test."""
    before, after = _text(_read(file)).splitlines(), _text(events).splitlines()
    return "\n".join(difflib.unified_diff(before, after, str(file), "published", lineterm=""))
