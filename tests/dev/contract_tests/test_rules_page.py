"""docs/rules.md: its contract, its cases and its sidecar are what it says, and the command prints what it shows."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from headrace.cli.app import main
from headrace.schemas.value_rules import MAX_RULE_NAME, MAX_RULES
from tests.support.paths import ROOT
from tests.support.transcripts import steps

PAGE = (ROOT / "docs" / "rules.md").read_text()
README = (ROOT / "README.md").read_text()


def block(page: str, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_the_example_prints_what_the_page_says(
    nothing_set: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = json.loads(block(README, "json"))
    contract["headrace"] |= json.loads("{" + block(PAGE, "json") + "}")
    Path("contracts").mkdir()
    Path("contracts/order_placed.v1.avsc").write_text(json.dumps(contract))
    Path("contracts/order_placed.test.yaml").write_text(block(PAGE, "yaml"))
    (step,) = steps(PAGE)
    monkeypatch.setattr(sys, "argv", step.command.split())

    with pytest.raises(SystemExit) as ended:
        main()

    shown = capsys.readouterr()
    assert (shown.out + shown.err).splitlines() == step.printed
    assert not ended.value.code


def test_the_sidecar_says_the_same_as_the_schema() -> None:
    assert tomllib.loads(block(PAGE, "toml"))["rules"] == json.loads("{" + block(PAGE, "json") + "}")["rules"][:1]


def test_the_page_has_the_limits() -> None:
    assert f"at most {MAX_RULE_NAME} characters" in PAGE
    assert f"at most {MAX_RULES} rules" in PAGE
