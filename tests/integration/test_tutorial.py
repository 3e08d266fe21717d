"""The tutorial is run, as a newcomer would run it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.transcripts import COLUMNS, a_terminal, assert_as_printed, environment, replay

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(600)]
PAGE = (ROOT / "docs/tutorial.md").read_text()
SAVED = re.compile(r"Save this as `([^`]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
TOKEN = re.compile(r"t1_[0-9a-f]{32}")


def test_the_tutorial_prints_what_the_page_says(tmp_path: Path) -> None:
    files = dict(SAVED.findall(PAGE))
    assert set(files) == {"contracts/order_placed.v1.avsc", "rows.py"}
    for name, content in files.items():
        file = tmp_path / "tutorial" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    with a_terminal(ROOT, environment(tmp_path)) as terminal:
        for step, done in replay(PAGE, terminal):
            step.printed = [TOKEN.sub("t1_", line) for line in step.printed]
            done.printed = [TOKEN.sub("t1_", line) for line in done.printed]
            assert_as_printed(step, done)
            assert [line for line in done.printed if len(line) > COLUMNS] == []


def test_the_contract_of_the_readme_is_that_of_the_tutorial() -> None:
    readme = (ROOT / "README.md").read_text()
    assert dict(SAVED.findall(PAGE))["contracts/order_placed.v1.avsc"] in readme
