"""docs/contract-tests.md says what the command prints of its example."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.cli.app import main
from headrace.dev.contract_tests.case_file import CaseFile
from tests.support.paths import ROOT
from tests.support.transcripts import steps

PAGE = (ROOT / "docs" / "contract-tests.md").read_text()
CASES, GIVEN, FOREIGN = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
CONTRACT = json.loads(
    re.findall(r"^```json\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)[0]
)


def changed() -> Any:
    """The contract with the two changes that the page describes."""
    other = json.loads(json.dumps(CONTRACT))
    other["headrace"]["late_after"] = "400d"
    email = next(field for field in other["fields"] if field["name"] == "email")
    email["pii"]["mask"] = "redact"
    return other


@pytest.mark.parametrize(("contract", "step"), [*zip([CONTRACT, changed()], steps(PAGE), strict=True)])
def test_the_example_prints_what_the_page_says(
    contract: Any,
    step: Any,
    nothing_set: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("contracts").mkdir()
    Path("contracts/order_placed.v1.avsc").write_text(json.dumps(contract))
    Path("contracts/order_placed.test.yaml").write_text(CASES)
    monkeypatch.setattr(sys, "argv", step.command.split())
    with pytest.raises(SystemExit):
        main()
    shown = capsys.readouterr()
    assert (shown.out + shown.err).splitlines() == step.printed


@pytest.mark.parametrize(("given", "messages"), [(GIVEN, 2), (FOREIGN, 1)])
def test_the_other_examples_are_valid_too(given: str, messages: int, tmp_path: Path) -> None:
    case = {"name": "a", "expect": {}, **yaml.safe_load(given.replace("*order", "{}"))}
    path = tmp_path / "a.test.yaml"
    path.write_text(yaml.safe_dump({"subject": "order_placed", "cases": [case]}))
    assert len(CaseFile.read(path).content.cases[0].given) == messages
