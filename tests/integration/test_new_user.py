"""A new user comes from wheels to a row and to a corrected dead letter within five minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.new_user import LIMIT_SECONDS, new_user


@pytest.mark.emulators
@pytest.mark.timeout(900)  # on a machine that does much else, too
def test_the_path_of_a_new_user_works_from_wheels(tmp_path: Path) -> None:
    seconds = new_user(tmp_path)
    ours = {step: each for step, each in seconds.items() if "pip install" not in step and "workflow" not in step}
    assert len(ours) == 7
    assert sum(ours.values()) < LIMIT_SECONDS, "without what the package index takes"
