"""A Pub/Sub and the BigQuery emulator, once for all tests that talk, and a project of its own for each test."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from headrace.dev.emulators import Emulators, running_emulators
from headrace.dev.pubsub_services import PubsubService

# On a machine that is shared any example, and the making up of it, may take long; that says nothing of the code. These
# are the two limits that Hypothesis drops in CI too; all else of the profile in force stays, as fixed examples in CI.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end which Pub/Sub was used, and how many tests were left out because something is missing."""
    skipped = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    terminalreporter.write_line(f"Pub/Sub: {PubsubService.chosen()} (HEADRACE_PUBSUB_SERVICE)")
    for reason, count in sorted(skipped.items()):
        terminalreporter.write_line(f"left out: {count} tests, because {reason}")


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A test that sets up logs writes them to its own stderr, which is closed when it ends."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours is set, and no headrace.toml lies in the folder."""
    for name in [each for each in os.environ if each.startswith(("HEADRACE_", "PUBSUB_", "BIGQ"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the BigQuery emulator looks for objects of Cloud Storage."""
    return tmp_path_factory.mktemp("objects") / ".cloudstorage"  # as the storage emulator calls it


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory, objects: Path) -> Iterator[Emulators]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BQEMU_GCS_LOCAL_ROOT", str(objects))
        with running_emulators(tmp_path_factory.mktemp("emulators")) as running:
            for name, value in running.environment.items():
                patch.setenv(name, value)
            yield running


@pytest.fixture
def project(emulators: Emulators) -> str:
    return f"test-{uuid.uuid4().hex[:10]}"
