"""The command line as a person or a script meets it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
import typer

from headrace.cli.app import app, main
from headrace.config.settings import SettingsError, load_settings
from headrace.engine.journal import Journal as OpenJournal
from headrace.errors import Exit
from headrace.runtime.exit_codes import explain
from headrace.schemas.samples import SAMPLES


def leaves(group: typer.Typer, *path: str) -> Iterator[tuple[str, ...]]:
    """Every command that does something, by the words that name it."""
    for command in group.registered_commands:
        assert command.callback is not None
        yield (*path, command.name or command.callback.__name__.rstrip("_").replace("_", "-"))
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from leaves(inner.typer_instance, *path, str(inner.name))


COMMANDS = sorted(set(leaves(app)))
GROUPS = sorted({path[:-1] for path in COMMANDS})


@dataclass(frozen=True)
class Shown:
    """What a command ended with."""

    code: int
    out: str
    err: str


Headrace = Callable[..., Shown]
SAMPLED = {"HEADRACE_CONTRACTS": str(SAMPLES)}


@pytest.fixture
def headrace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Headrace:
    """The command line in this process; arguments and environment variables as given, and no others."""

    def run(*arguments: str, **variables: str) -> Shown:
        for name in [each for each in os.environ if each.startswith(("HEADRACE_", "PUBSUB_", "BIGQ"))]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["headrace", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Shown(int(ended.value.code or 0), *capsys.readouterr())

    return run


def test_help_names_every_command(headrace: Headrace) -> None:
    shown = headrace("--help")
    assert shown.code == Exit.DONE
    assert [name for name in {path[0] for path in COMMANDS} if name not in shown.out] == []
    assert len(GROUPS) >= 6, "the program and its groups"
    assert len({path[0] for path in COMMANDS}) >= 17


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_the_list_of_commands_says_of_each_what_it_is_for_in_one_line(
    headrace: Headrace, group: tuple[str, ...]
) -> None:
    _, _, listed = headrace(*group, "--help", COLUMNS="80").out.partition("Commands:\n")
    assert [line for line in listed.splitlines() if line and not line.endswith(".")] == []
    assert "..." not in listed


def test_it_says_which_version_it_is(headrace: Headrace) -> None:
    assert headrace("--version").out.strip() == metadata.version("headrace")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_examples(headrace: Headrace, command: tuple[str, ...]) -> None:
    shown = headrace(*command, "--help")
    assert shown.code == Exit.DONE
    words = r"\s+".join(map(re.escape, command))
    assert re.search(rf"Examples?:\s+headrace\s+{words}\b", shown.out), shown.out


def test_help_imports_nothing_heavy() -> None:
    heavy = "('apache_beam', 'google.api_core', 'grpc', 'pyarrow', 'pydantic')"
    code = f"import sys, headrace.cli.app; print([m for m in {heavy} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"


def test_a_missing_project_is_a_sentence_and_exit_3(headrace: Headrace, tmp_path: Path) -> None:
    shown = headrace("audit")
    assert shown.code == Exit.CONFIGURATION
    assert "project" in shown.err
    assert "HEADRACE_" in shown.err
    assert "Traceback" not in shown.err


def test_a_wrong_option_is_exit_2(headrace: Headrace) -> None:
    assert headrace("demo", "--events", "none").code == Exit.USAGE


@pytest.mark.parametrize(
    ("option", "value"),
    [("--since", "yesterday"), ("--grace", "soon"), ("--format", "xml"), ("--subject", "no_such_thing")],
)
def test_an_option_of_the_audit_that_cannot_be_read_is_named(headrace: Headrace, option: str, value: str) -> None:
    shown = headrace("audit", "--project", "a-project", option, value, **SAMPLED, BIGQUERY_EMULATOR_HOST="127.0.0.1:1")
    assert shown.code == Exit.USAGE
    assert option in shown.err


def test_an_invalid_line_is_named_and_nothing_is_sent(headrace: Headrace, tmp_path: Path) -> None:
    lines = tmp_path / "events.ndjson"
    lines.write_text('{"carrier": "UA", "flight": "a secret"}\n')
    shown = headrace("publish", "flight_departed", str(lines), "--project", "a-project", **SAMPLED)
    assert shown.code == Exit.FOUND
    assert "line 1: flight" in shown.err
    assert "secret" not in shown.err


def test_a_bug_is_exit_70_without_a_traceback() -> None:
    code, sentence = explain(KeyError("a secret"))
    assert code == Exit.BUG
    assert "secret" not in sentence


def test_too_little_memory_is_no_bug() -> None:
    code, sentence = explain(MemoryError())
    assert code == Exit.CONFIGURATION
    assert sentence.startswith("too little memory; give the process more")


def test_flags_win_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("headrace.toml").write_text('project = "from-file"\ndataset = "from_file"\nwindow = "5m"\n')
    monkeypatch.setenv("HEADRACE_DATASET", "from_environment")
    settings = load_settings(project="from-flag", dataset=None)
    assert (settings.project, settings.dataset) == ("from-flag", "from_environment")
    assert settings.window.total_seconds() == 300


@pytest.mark.parametrize("line", ['projct = "x"', "window = 0", 'window = "soon"', "round_messages = 0"])
def test_a_wrong_setting_is_named(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("headrace.toml").write_text(f'project = "a-project"\n{line}\n' if "projct" not in line else line)
    with pytest.raises((SettingsError, ValueError), match=line.split(" ")[0]):
        load_settings()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["backfill"], "name a subject and its files, or use --from"),
        (["backfill", "flight_departed"], "name a subject and its files, or use --from"),
        (["backfill", "flight_departed", "--from", "x.toml"], "name nothing else"),
    ],
)
def test_a_backfill_has_files_or_a_source(headrace: Headrace, arguments: list[str], expected: str) -> None:
    shown = headrace(*arguments)
    assert shown.code == Exit.USAGE
    assert expected in " ".join(shown.err.split())


def test_a_wrong_source_is_refused_with_key_file_line_and_remedy(headrace: Headrace, tmp_path: Path) -> None:
    path = tmp_path / "flights.toml"
    path.write_text('subject = "flight_departed"\n[sql]\nurl = "postgresql://me:pw@db/x"\n')
    shown = headrace("backfill", "--from", str(path), "--project", "test-project", **SAMPLED)
    assert shown.code == Exit.CONFIGURATION
    assert f"{path}, line 3: sql.url: a secret must not be in this file; write a reference to it: {{ env" in shown.err
    assert "pw" not in shown.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["estimate", "--rate", "9", "--kind", "other"], "use one of booking_created", id="unknown kind"),
        pytest.param(
            ["estimate", "--rate", "9", "--machine-type", "n2"], "such as n2-standard-4", id="no machine type"
        ),
        pytest.param(["estimate", "--rate", "9", "--bench", "none.json"], "cannot be read", id="no benchmark"),
        pytest.param(["simulate", "--rate", "9", "--lose", "1"], "raise --workers", id="every worker lost"),
        pytest.param(["limits", "--limits", "none.toml"], "cannot be read", id="no limits"),
    ],
)
def test_what_capacity_cannot_compute_is_refused_with_the_remedy(
    headrace: Headrace, arguments: list[str], expected: str
) -> None:
    shown = headrace("capacity", *arguments)
    assert shown.code == Exit.CONFIGURATION
    assert expected in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("command", [["journal", "inspect", "--json"], ["resume", "flight_departed"]], ids=" ".join)
@pytest.mark.parametrize("profile", [None, "night"])
def test_every_command_finds_the_journal_that_the_settings_file_names(
    headrace: Headrace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], profile: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    named = tmp_path / (profile or "day")
    Path("headrace.toml").write_text(f'journal = "{tmp_path}/day"\n[profile.night]\njournal = "{tmp_path}/night"\n')
    chosen = {"HEADRACE_PROFILE": profile} if profile else {}
    missing = headrace(*command, **chosen)
    assert (missing.code, missing.err.startswith(f"headrace: {named}: no journal")) == (Exit.CONFIGURATION, True)
    OpenJournal.open(named)
    assert f"{named}: no journal" not in headrace(*command, **chosen).err
    assert "other: no journal" in headrace(*command, "--journal", "other", **chosen).err
