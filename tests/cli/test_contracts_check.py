"""`headrace contracts check`, as a person and a pipeline call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from headrace.cli.app import app
from headrace.config.settings import SettingsError
from headrace.contract_check.git_state import GitStateError
from headrace.contract_publish.publish_errors import PublishTargetError
from headrace.errors import Exit, HeadraceError
from headrace.runtime import reachability
from headrace.runtime.reachability import UnreachableError
from headrace.schema_registry.registry_errors import RegistryAwayError, RegistryRefusedError
from headrace.schemas.errors import ContractError
from tests.support.contract_folders import check_folder, commit_all, git, write_version
from tests.support.growth import assert_linear
from tests.support.registry_server import Reply, a_registry, a_reply, a_schema_reply

pytestmark = pytest.mark.usefixtures("nothing_set", "no_columns")
N = ("n", "int")


@pytest.fixture
def no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output goes to a pipe, whose lines have no limit."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def folder() -> Path:
    """Contracts in a folder of the current one, in which a field is gone in the newest version."""
    place = Path("contracts")
    write_version(place, 1, N, ("m", "int"))
    write_version(place, 2, N)
    return place


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["contracts", "check", *words])


def test_a_problem_is_printed_with_its_place_and_ends_with_one(folder: Path) -> None:
    result = run("contracts")

    assert result.exit_code == Exit.FOUND
    assert result.stdout == (
        "contracts/thing_happened.v2.avsc:1: FIELD_REMOVED: thing_happened.v2.m: against v1: it is gone, so its column "
        "is null in rows of new events; keep it, or say in a waiver why nobody reads its column any longer\n"
    )
    assert result.stderr == "2 versions of 1 subject: 1 problem\n"


def test_a_waiver_is_printed_and_ends_with_zero(folder: Path) -> None:
    waivers = [{"rule": "FIELD_REMOVED", "field": "m", "reason": "nobody reads it"}]
    write_version(folder, 2, N, waivers=waivers)
    result = run("contracts")

    assert result.exit_code == Exit.DONE
    assert result.stdout.endswith("(waived: nobody reads it)\n")
    assert result.stderr == "2 versions of 1 subject: 0 problems, 1 waived\n"


def test_contracts_without_a_problem_print_nothing(folder: Path) -> None:
    write_version(folder, 2, N, ("m", "int"))
    result = run("contracts")
    assert (result.exit_code, result.stdout) == (Exit.DONE, "")


def test_the_folder_comes_from_the_settings_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = run().exception
    assert isinstance(missing, SettingsError)
    assert "headrace contracts check contracts" in str(missing)
    monkeypatch.setenv("HEADRACE_CONTRACTS", "contracts")
    assert run().exit_code == Exit.FOUND
    monkeypatch.delenv("HEADRACE_CONTRACTS")
    Path("headrace.toml").write_text('contracts = "nowhere"\n[profile.mine]\ncontracts = "contracts"\n')
    assert run("--profile", "mine").exit_code == Exit.FOUND
    assert isinstance(run().exception, ContractError)


def test_versions_of_a_commit_must_not_change(folder: Path) -> None:
    write_version(folder, 2, N, ("m", "int"))
    commit_all(Path.cwd())
    assert run("contracts", "--against", "HEAD").exit_code == Exit.DONE
    write_version(folder, 1, N, ("m", "long"))
    result = run("contracts", "--against", "main", "--format", "github")

    assert result.exit_code == Exit.FOUND
    assert result.stdout.startswith(
        "::error file=contracts/thing_happened.v1.avsc,line=1,title=PUBLISHED_VERSION_EDITED::thing_happened.v1: "
    )
    assert isinstance(run("contracts", "--against", "nowhere").exception, GitStateError)


def test_contracts_of_a_commit_that_cannot_be_read_are_named(folder: Path) -> None:
    write_version(folder, 2, N, late_after="soon")
    commit_all(Path.cwd())
    write_version(folder, 2, N, ("m", "int"))
    result = run("contracts", "--against", "HEAD")

    assert result.exit_code == Exit.DONE
    assert result.stderr.splitlines()[0] == (
        "HEAD: contracts of thing_happened cannot be read there, and count as not published"
    )


@pytest.mark.parametrize("format_", ["json", "junit", "sarif", "github", "text"])
def test_each_format_names_the_file_within_the_current_folder(folder: Path, format_: str) -> None:
    for named in ("contracts", str(folder.absolute())):
        result = run(named, "--format", format_)
        assert result.exit_code == Exit.FOUND
        assert "contracts/thing_happened.v2.avsc" in result.stdout
        assert str(folder.absolute()) not in result.stdout
    if format_ in ("json", "sarif"):
        json.loads(result.stdout)
    if format_ == "junit":
        ElementTree.fromstring(result.stdout)


@pytest.mark.parametrize(("format_", "named"), [("github", "sub/contracts"), ("sarif", "sub/contracts"), ("text", "")])
def test_a_forge_gets_paths_within_its_repository(
    format_: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_version(tmp_path / "sub" / "contracts", 1, N, ("m", "int"))
    write_version(tmp_path / "sub" / "contracts", 2, N)
    commit_all(tmp_path)
    monkeypatch.chdir(tmp_path / "sub")
    printed = run("contracts", "--format", format_).stdout

    assert f"{named or 'contracts'}/thing_happened.v2.avsc" in printed
    assert ("sub/" in printed) is bool(named)


def test_versions_that_cannot_be_read_are_counted_too(folder: Path) -> None:
    (folder / "other_happened.v1.avsc").write_text("{")
    (folder / "shared.avsc").write_text('{"type": "fixed", "name": "shared", "size": 4}')
    assert run("contracts").stderr == "3 versions of 2 subjects: 2 problems\n"


def test_an_unknown_format_is_refused_with_those_that_there_are() -> None:
    result = run("contracts", "--format", "yaml")
    assert result.exit_code == Exit.USAGE
    assert "choose from text, json, junit, github, sarif" in result.stderr


def test_json_has_a_short_form(folder: Path) -> None:
    assert json.loads(run("contracts", "--json").stdout)["broken"] == 1


def test_the_output_fits_a_terminal_of_sixty_columns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = run("contracts").stdout.splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 60


def test_many_contracts_take_no_quadratic_time(tmp_path: Path) -> None:
    def work_on(count: int) -> Callable[[], object]:
        place = tmp_path / str(count)
        for number in range(count):
            write_version(place, 1 + number % 2, N, subject=f"thing_{number // 2}")
        return partial(check_folder, place, {})

    assert_linear(work_on, 400)


def test_an_expression_that_cannot_be_run_is_printed_with_its_line() -> None:
    rules = [{"name": "has_m", "expression": "m > 0", "else": "dead_letter"}]
    file = write_version(Path("contracts"), 1, N, rules=rules)
    line = file.read_text().partition('"m > 0"')[0].count("\n") + 1

    result = run("contracts")

    assert result.exit_code == Exit.FOUND
    assert result.stdout == (
        f"contracts/thing_happened.v1.avsc:{line}: CONTRACT_INVALID: "
        "thing_happened.v1.headrace.rules.has_m.expression: no column m; name a column that is stored; "
        "an omitted column is not\n"
    )


@pytest.mark.parametrize(
    ("against", "error", "exit_code"),
    [
        ("pubsub", SettingsError, Exit.CONFIGURATION),
        ("bigquery", SettingsError, Exit.CONFIGURATION),
        ("registry", SettingsError, Exit.CONFIGURATION),
        ("https://ada@registry.example", SettingsError, Exit.CONFIGURATION),
        ("http://127.0.0.1:9", RegistryAwayError, Exit.UNREACHABLE),
        ("pubsub://X", PublishTargetError, Exit.USAGE),
        ("refs/heads/pubsub", GitStateError, Exit.CONFIGURATION),
        ("pubsub://my-project", UnreachableError, Exit.UNREACHABLE),
    ],
)
def test_a_service_that_cannot_be_asked_is_an_error_and_no_pass(
    folder: Path, monkeypatch: pytest.MonkeyPatch, against: str, error: type[HeadraceError], exit_code: Exit
) -> None:
    monkeypatch.setattr(reachability, "_answers", lambda service, seconds: "no connection")
    result = run("contracts", "--against", against)
    assert isinstance(result.exception, error)
    assert result.exception.exit_code == exit_code
    assert result.stdout == ""


def test_bigquery_that_does_not_answer_is_an_error_and_no_pass(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "_answers", lambda service, seconds: "no connection")
    monkeypatch.setenv("HEADRACE_PROJECT", "my-project")
    assert isinstance(run("contracts", "--against", "bigquery").exception, UnreachableError)


def test_a_branch_that_is_called_as_a_service_can_be_named(folder: Path) -> None:
    write_version(folder, 2, N, ("m", "int"))
    commit_all(Path.cwd())
    git(Path.cwd(), "branch", "pubsub")
    assert run("contracts", "--against", "refs/heads/pubsub").exit_code == Exit.DONE


@pytest.mark.parametrize("format_", ["json", "junit", "sarif", "github", "text"])
def test_versions_of_a_registry_must_not_change(folder: Path, format_: str) -> None:
    versions = [write_version(folder, 1, N).read_text(), write_version(folder, 2, N, ("m", "int")).read_text()]
    write_version(folder, 2, N)
    with a_registry({}) as server:
        Path("headrace.toml").write_text(f'[schema_registry]\nurl = "{server.url}"\n')
        server.answers("/subjects", a_reply(["thing-happened-value"]))
        server.answers("/subjects/thing-happened-value/versions", a_reply([1, 2]))
        for version, text in enumerate(versions, 1):
            server.answers(f"/subjects/thing-happened-value/versions/{version}", a_schema_reply(text))
        for against in ("registry", server.url):
            result = run("contracts", "--against", against, "--format", format_)

            assert result.exit_code == Exit.FOUND
            for words in (
                "PUBLISHED_VERSION_EDITED",
                "contracts/thing_happened.v2.avsc",
                "version 2 of thing-happened",
            ):
                assert words in result.stdout
            assert f"compared with 2 versions of 1 subject in {server.url}\n" in result.stderr


@pytest.mark.parametrize("status", [401, 403])
def test_a_registry_that_refuses_the_credentials_is_an_error_and_no_pass(folder: Path, status: int) -> None:
    with a_registry({}) as server:
        server.answers("/subjects", Reply(status))
        found = run("contracts", "--against", server.url).exception
    assert isinstance(found, RegistryRefusedError)
    assert found.exit_code == Exit.PERMISSION
