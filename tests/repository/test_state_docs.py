"""The page on what is remembered names a test for each line, and each of these tests exists."""

from __future__ import annotations

import re

import pytest

from tests.support.paths import ROOT

LINES = [line for line in (ROOT / "docs" / "state.md").read_text().splitlines() if line.startswith("| ")]
ROWS = [line for line in LINES if "---" not in line and not line.startswith("| State |")]
NAMED = re.compile(r"`(tests/[a-z_/0-9]+\.py)::(test_[a-z_0-9]+)`")


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() for row in ROWS])
def test_each_line_names_tests_that_exist(row: str) -> None:
    named = NAMED.findall(row)
    assert named
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text()
