"""`headrace contracts publish` before it asks a service; the rest is among the integration tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from headrace.cli.app import app
from headrace.config.settings import SettingsError
from headrace.contract_check.git_state import GitStateError
from headrace.contract_publish.publish_errors import PublishRefusedError, PublishTargetError
from headrace.errors import Exit
from headrace.runtime import reachability
from headrace.schemas.errors import ContractError
from headrace.util.output import FormatError
from tests.support.contract_folders import commit_all, write_version

pytestmark = pytest.mark.usefixtures("nothing_set", "no_service")
N = ("n", "int")


@pytest.fixture
def no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """No service may be asked; the lines of the output, which goes to a pipe, have no limit."""

    def asked(*_: object) -> str:
        raise AssertionError("a service was asked")

    monkeypatch.setattr(reachability, "_answers", asked)
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def folder() -> Path:
    write_version(Path("contracts"), 1, N)
    return Path("contracts")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["contracts", "publish", *words])


@pytest.mark.parametrize(
    ("words", "error", "exit_code"),
    [
        (["--to", "contracts"], PublishTargetError, Exit.USAGE),
        (["--to", "pubsub://my-project", "--format", "junit"], FormatError, Exit.USAGE),
        (["--to", "pubsub://my-project", "--against", "main"], GitStateError, Exit.CONFIGURATION),
        ([], SettingsError, Exit.CONFIGURATION),
    ],
)
def test_a_mistake_is_told_before_anything_is_asked(
    folder: Path, words: list[str], error: type[Exception], exit_code: Exit
) -> None:
    found = run("contracts", *words).exception
    assert isinstance(found, error)
    assert getattr(found, "exit_code", None) == exit_code


def test_a_folder_is_needed() -> None:
    assert "contracts: missing" in str(run("--to", "pubsub://my-project").exception)
    assert isinstance(run("nowhere", "--to", "pubsub://my-project").exception, ContractError)


def test_broken_rules_are_rows_and_no_service_is_asked(folder: Path) -> None:
    commit_all(Path())
    write_version(folder, 1, N, table="others")
    write_version(folder, 2, ("n", "string"), table="others")

    result = run("contracts", "--to", "pubsub://my-project", "--against", "main", "--apply", "--json")

    assert isinstance(result.exception, PublishRefusedError)
    assert str(result.exception) == "2 refusals, see above; nothing was published"
    printed = json.loads(result.stdout)
    assert printed["applied"] is False
    assert [(each["action"], each["rule"], each["name"]) for each in printed["changes"]] == [
        ("refuse", "PUBLISHED_VERSION_EDITED", "thing_happened.v1"),
        ("refuse", "TYPE_CHANGED", "thing_happened.v2.n"),
    ]
