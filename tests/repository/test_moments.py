"""The moments at which tests run are drawn by a seed and shown to processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.moments import MOMENTS, SELECTION, drawn, environment, find_library

NOW = "from datetime import UTC, datetime; print(datetime.now(UTC).isoformat(), datetime.now().isoformat())"


def test_a_seed_draws_one_of_the_moments_and_each_has_its_turn() -> None:
    assert drawn("7") == drawn("7")
    assert {drawn(str(seed)) for seed in range(300)} == set(MOMENTS)
    assert len(MOMENTS) == 12


def test_what_is_selected_is_there() -> None:
    assert [name for name in SELECTION if not Path(name).is_file()] == []


@pytest.mark.skipif(find_library() is None, reason="libfaketime is not installed")
@pytest.mark.parametrize("name", MOMENTS)
def test_a_process_sees_the_moment_in_its_zone(name: str) -> None:
    moment = MOMENTS[name]
    done = subprocess.run(
        [sys.executable, "-c", NOW], env=environment(moment, find_library()), capture_output=True, text=True, check=True
    )
    utc, _ = done.stdout.split()
    assert utc[:13] == f"{moment.at:%Y-%m-%dT%H}"
