"""Options that every command has: ``-h``, and ``--json`` where there is data."""

from __future__ import annotations

from typing import Any

import pytest
from typer.main import get_command

from headrace.cli.app import app

ROOT: Any = get_command(app)


def commands(group: Any, *path: str) -> dict[str, Any]:
    found = {" ".join(path): group}
    for name, inner in getattr(group, "commands", {}).items():
        found |= commands(inner, *path, name)
    return found


ALL = commands(ROOT)
# Commands without data: they do something, and say on stderr what they did; or their output is for another program.
WITHOUT_DATA = {
    "dead-letters collect",
    "dead-letters discard",
    "dead-letters edit",
    "dead-letters export",  # NDJSON
    "dead-letters import",
    "dead-letters reopen",
    "deploy drain",  # a command for a shell
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
