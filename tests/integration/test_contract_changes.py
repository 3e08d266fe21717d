"""The procedures for changes of a contract are run as the page has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.transcripts import a_terminal, assert_as_printed, environment, replay

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(600)]


def test_contracts_change_as_the_page_says(tmp_path: Path) -> None:
    with a_terminal(ROOT, environment(tmp_path)) as terminal:
        for step, done in replay((ROOT / "docs/contract-changes.md").read_text(), terminal):
            assert_as_printed(step, done)
