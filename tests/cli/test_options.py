"""Options that every command has: ``-h``, and ``--json`` where there is data."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from headrace.cli.app import app
from headrace.cli.command_group import only_named
from headrace.cli.options import examples
from tests.support.paths import ROOT

PROGRAM: Any = get_command(app)


def commands(group: Any, *path: str) -> dict[str, Any]:
    found = {" ".join(path): group}
    for name, inner in getattr(group, "commands", {}).items():
        found |= commands(inner, *path, name)
    return found


ALL = commands(PROGRAM)
# Commands without data: they do something, and say on stderr what they did; or their output is for another program.
WITHOUT_DATA = {
    "dead-letters collect",
    "dead-letters discard",
    "dead-letters edit",
    "dead-letters export",  # NDJSON
    "dead-letters import",
    "dead-letters reopen",
    "deploy drain",  # a command for a shell
    "outbox relay",
    "outbox send",
    "publish",
    "resume",
    "run",
    "template build",  # a command for a shell
    "template metadata",  # JSON
    "template run",  # a command for a shell
    "up",  # variables for a shell
}


@pytest.mark.parametrize("words", ALL, ids=str)
def test_short_help_is_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for option in ("-h", "--help"):
        with pytest.raises(SystemExit) as ended:
            app([*words.split(), option])
        assert not ended.value.code
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert "-h, --help" in shown[0]


def options(command: Any) -> set[str]:
    return {name for option in command.params for name in option.opts}


def test_every_command_with_data_takes_json() -> None:
    leaves = {words: command for words, command in ALL.items() if not hasattr(command, "commands")}
    assert {words for words, command in leaves.items() if "--json" not in options(command)} == WITHOUT_DATA
    assert [
        words for words, command in leaves.items() if options(command) & {"--format"} and words in WITHOUT_DATA
    ] == []


def test_json_is_the_format_json(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for given in (["--json"], ["--format", "json"], ["--format", "table", "--json"]):
        app(["capacity", "limits", *given], standalone_mode=False)
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] == shown[2]
    assert shown[0].startswith('{"schema_version": 1')


_ALL_HELP = """
from contextlib import suppress
from headrace.cli.app import app
from tests.cli.test_options import ALL
for words in ALL:
    with suppress(SystemExit):
        app([*words.split(), "--help"])
"""


@pytest.mark.parametrize("columns", [60, 80])
def test_help_fits_the_terminal_and_cuts_no_sentence(columns: int) -> None:
    environment = {**os.environ, "COLUMNS": str(columns)}
    line = [sys.executable, "-c", _ALL_HELP]
    shown = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120)
    lines = shown.stdout.splitlines()
    assert len([each for each in lines if each.startswith("Usage:")]) == len(ALL)
    assert [each for each in lines if len(each) > columns] == []
    assert [each for each in lines if each.endswith("...") and not each.endswith("]...")] == []


def test_an_example_that_goes_on_in_the_next_line_is_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    command = (
        """headrace dead-letters edit --text total --patch '{"total": "12.50"}' --why "as agreed with the shop" """
    )
    shown = examples(command.strip())
    assert len(shown.splitlines()) > 3
    assert shlex.split(shown.split("Examples:")[1].replace("\\\n", "")) == shlex.split(command)


@pytest.mark.parametrize("words", [each for each in ALL if each], ids=str)
def test_a_command_that_is_built_alone_is_the_same(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for program in (app, only_named(app, words.split())):
        with pytest.raises(SystemExit):
            program([*words.split(), "--help"])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert len(only_named(app, words.split()).registered_commands) <= 1


@pytest.mark.parametrize("words", [[], ["--version"], ["audits"], ["", "audit"]], ids=str)
def test_words_that_name_no_command_leave_all_of_them(words: list[str]) -> None:
    assert only_named(app, words) is app
