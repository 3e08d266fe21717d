"""Worlds for scenarios: a seed and a project for each, on the session's emulators."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.emulators import Emulators
from tests.faults.places import Places
from tests.faults.world import World, a_world

FIXED_SEED = 20_260_314


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Two seeds for each scenario, one of them new each time; ``FAULTS_SEED`` gives the one to see again."""
    if "seed" in metafunc.fixturenames:
        given = os.environ.get("FAULTS_SEED")
        seeds = [int(given)] if given else [FIXED_SEED, random.SystemRandom().randrange(10**8)]
        metafunc.parametrize("seed", seeds, ids=[f"seed={seed}" for seed in seeds])


@pytest.fixture
def places(emulators: Emulators) -> Places:
    return Places(emulators.pubsub_host, emulators.bigquery_rest, emulators.bigquery_grpc)


@pytest.fixture
def world(tmp_path: Path, seed: int, project: str, places: Places) -> Iterator[World]:
    print(f"FAULTS_SEED={seed}")
    with a_world(tmp_path, seed, project, places) as made:
        yield made
