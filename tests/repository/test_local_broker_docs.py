"""The page on the local broker lists exactly the deviations that the conformance suite knows."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

MARK = re.compile(r'deviates\(\s*(?:EMULATOR|"google-emulator"), "([^"]+)"')


def test_the_page_has_every_deviation_and_no_other() -> None:
    known = {each for file in (ROOT / "tests/conformance").glob("*.py") for each in MARK.findall(file.read_text())}
    page = (ROOT / "docs/local-broker.md").read_text()
    listed = set(re.findall(r"^\| ([^|]+?) \|$", page, re.MULTILINE)) - {"deviation of Google's emulator"}
    assert listed == known
