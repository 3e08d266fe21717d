"""docs/contract-view.md: what its commands print, and the parts and commands that it names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headrace.cli.app import app
from tests.support.contract_folders import commit_all, write_contract
from tests.support.paths import ROOT
from tests.support.transcripts import Step, rewritten, steps

PATH = ROOT / "docs" / "contract-view.md"
PAGE = PATH.read_text()
README = (ROOT / "README.md").read_text()


def write_example() -> None:
    """Write the two versions of the page into the current folder."""
    first = json.loads(re.findall(r"^```json\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)[0])
    second: dict[str, Any] = json.loads(json.dumps(first))
    second["headrace"] |= {"expire_after_days": 400, "where": "total > 0"}
    second["fields"][-1]["pii"] = {"kind": "ip", "mask": "redact"}
    second["fields"].append({"name": "currency", "type": "string", "default": "EUR", "doc": "ISO 4217", "pii": "none"})
    for version, contract in enumerate((first, second), 1):
        write_contract(Path("contracts"), version, contract, "order_placed")


def run(command: str) -> list[str]:
    result = CliRunner().invoke(app, command.split()[1:])
    assert result.exit_code == 0, result.output
    return [*result.stdout.splitlines(), *result.stderr.splitlines()]


@pytest.fixture
def example(nothing_set: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's contracts in the current folder, and a terminal of 80 columns."""
    write_example()
    monkeypatch.setenv("COLUMNS", "80")


def test_each_command_prints_what_the_page_says(example: None) -> None:
    done = [Step(each.command, run(each.command)) for each in steps(PAGE)]
    assert rewritten(PAGE, done) == PAGE, rewritten(PAGE, done)


def test_the_other_commands_of_the_page_run(example: None) -> None:
    commit_all(Path.cwd())
    against, statements = re.findall(r"^```sh\n(headrace .*?)\n```$", PAGE, re.MULTILINE)
    assert run(against.replace("origin/main", "main"))[0] == "order_placed: v2 of main to v2"
    command, _, query = statements.partition(" | ")
    (printed,) = run(command)
    assert query == "jq -r '.table.changes[] | select(.is_sql).text'"
    texts = [each["text"] for each in json.loads(printed)["table"]["changes"] if each["is_sql"]]
    assert all(each.startswith("ALTER TABLE `orders` ") and each.endswith(";") for each in texts)
    assert texts


def test_the_page_has_every_part_of_a_difference(example: None) -> None:
    (found,) = run("headrace contracts diff order_placed --contracts contracts --json")
    parts = [name for name, value in json.loads(found).items() if isinstance(value, list | dict)]
    assert re.findall(r"^\| (\w+) \| [a-z\[]", PAGE.partition("## What a difference has")[2], re.MULTILINE) == parts
