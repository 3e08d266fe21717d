"""The local broker keeps what it confirmed, however often it is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import kills


@pytest.mark.emulators
def test_killed_brokers_lose_nothing_and_repeat_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    seen = kills.run(tmp_path, kills=3, seed=1)
    assert len(seen.confirmed) > 1_000
    assert seen.problems() == []
