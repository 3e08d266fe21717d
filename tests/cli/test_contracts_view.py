"""`headrace contracts list`, `show` and `diff`, as a person and a program call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from headrace.cli.app import app
from headrace.config.settings import SettingsError
from headrace.contract_check.git_state import GitStateError
from headrace.contract_view.choose_versions import NothingToCompareError
from headrace.errors import Exit
from headrace.schemas.errors import ContractError, UnknownSchemaError
from tests.support.contract_folders import commit_all, write_version

pytestmark = pytest.mark.usefixtures("nothing_set", "no_columns")
N = ("n", "int")
M = {"name": "m", "type": ["null", "int"], "default": None, "doc": "How many there are of them, in all"}


@pytest.fixture
def no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output goes to a pipe, whose lines have no limit."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def folder() -> Path:
    """Two versions of a contract, and one that is refused, in a folder that the settings name."""
    place = Path("contracts")
    write_version(place, 1, N)
    write_version(place, 2, N, M)
    write_version(place, 1, N, subject="refused_one", late_after="soon")
    Path("headrace.toml").write_text('contracts = "contracts"\n')
    return place


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["contracts", *words])


def answer(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == Exit.DONE, result.output
    return json.loads(result.stdout)


def test_a_list_has_a_row_for_each_subject(folder: Path) -> None:
    assert run("list", "contracts").stderr == "2 subjects, 1 refused\n"
    assert [(each["subject"], each["state"]) for each in answer("list")["subjects"]] == [
        ("refused_one", "refused"),
        ("thing_happened", "ok"),
    ]


def test_a_contract_is_shown_whole(folder: Path) -> None:
    shown = answer("show", "thing_happened", "--version", "1")
    assert (shown["version"], shown["versions"], shown["settings"]["late_after"]) == (1, [1, 2], "30d")
    assert [each["column"] for each in shown["columns"]][:3] == ["n", "at", "_event_id"]
    assert "m  INT64 NULLABLE\n      optional int, default null\n" in run("show", "thing_happened").stdout


def test_a_difference_has_the_statements_that_follow(folder: Path) -> None:
    (change,) = answer("diff", "thing_happened")["table"]["changes"]
    assert change == {
        "text": "ALTER TABLE `thing_happened` ADD COLUMN `m` INT64 OPTIONS "
        '(description="How many there are of them, in all");',
        "is_sql": True,
        "by_hand": False,
    }
    assert run("diff", "thing_happened", "2", "2").stdout == "thing_happened: v2 to v2\n  no difference\n"


def test_a_version_of_a_commit_is_the_older_one(folder: Path) -> None:
    commit_all(Path.cwd())
    assert answer("diff", "thing_happened", "--against", "HEAD")["is_same"]
    write_version(folder, 2, N, M | {"default": 3, "type": ["int", "null"]})
    found = answer("diff", "thing_happened", "--against", "HEAD")
    assert (found["old"], found["new"]) == (2, 2)
    assert [each["rule"] for each in found["rules"]] == ["DEFAULT_CHANGED", "PUBLISHED_VERSION_EDITED"]
    assert run("diff", "thing_happened", "--against", "main").stdout.startswith("thing_happened: v2 of main to v2\n")
    assert answer("diff", "thing_happened", "1", "--against", "HEAD")["old"] == 1


def test_an_order_that_changed_is_told_apart_from_no_change(folder: Path) -> None:
    write_version(folder, 2, ("a", "int"), ("b", "int"))
    write_version(folder, 3, ("b", "int"), ("a", "int"))
    assert "only an order" in run("diff", "thing_happened").stdout


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["show", "nothing"], UnknownSchemaError),
        (["show", "thing_happened", "--version", "9"], UnknownSchemaError),
        (["show", "refused_one"], ContractError),
        (["diff", "thing_happened", "2", "1"], NothingToCompareError),
        (["diff", "thing_happened", "--against", "nowhere"], GitStateError),
        (["list", "nowhere"], ContractError),
    ],
)
def test_what_cannot_be_shown_is_an_error(folder: Path, words: list[str], error: type[Exception]) -> None:
    assert isinstance(run(*words).exception, error)


def test_the_folder_comes_from_a_flag_or_the_settings(folder: Path) -> None:
    assert run("show", "thing_happened", "--contracts", "contracts").exit_code == Exit.DONE
    Path("headrace.toml").unlink()
    assert isinstance(run("show", "thing_happened").exception, SettingsError)


@pytest.mark.parametrize(
    "words", [["list"], ["show", "thing_happened"], ["diff", "thing_happened"], ["diff", "thing_happened", "1", "3"]]
)
def test_the_output_fits_a_terminal_of_sixty_columns(
    folder: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_version(folder, 3, ("n", "string"), M | {"doc": "\x1b[31m" * 30})
    monkeypatch.setenv("COLUMNS", "60")
    result = run(*words)
    assert result.exit_code == Exit.DONE
    assert max(map(len, result.stdout.splitlines())) <= 60
    assert "\x1b[31m" not in result.stdout
