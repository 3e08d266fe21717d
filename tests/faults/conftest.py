"""Worlds for scenarios: a seed and a project for each, on the session's emulators."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.dev.emulators import Emulators
from tests.faults.engine import Engine
from tests.faults.places import Places
from tests.faults.warm import a_nursery
from tests.faults.world import World, a_world

# Importing these changes the process: they are for the engine's own, and pytest looks for doctests everywhere.
collect_ignore_glob = ["power.py", "broken/*"]
FIXED_SEED = 20_260_314


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Two seeds for each scenario, one of them new each time; ``FAULTS_SEED`` gives the one to see again."""
    if "seed" in metafunc.fixturenames:
        given = os.environ.get("FAULTS_SEED") or os.environ.get("FAULTS_SEEDS")
        seeds = given.split(",") if given else [FIXED_SEED, random.SystemRandom().randrange(10**8)]
        metafunc.parametrize("seed", [int(seed) for seed in seeds], ids=[f"seed={seed}" for seed in seeds])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep one share of the scenarios (``FAULTS_SHARD=0/3``): ``python -m tests.faults`` runs all shares at once."""
    shard = os.environ.get("FAULTS_SHARD")
    if shard:
        number, count = map(int, shard.split("/"))
        config.hook.pytest_deselected(items=[item for index, item in enumerate(items) if index % count != number])
        items[:] = items[number::count]


@pytest.fixture(scope="session", autouse=True)
def warm_engines() -> Iterator[None]:
    """Engines start warm here; how long a cold one takes is what ``tests.faults.operations`` measures."""
    with a_nursery() as nursery, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "spawn", staticmethod(nursery.spawn))
        yield


@pytest.fixture
def places(emulators: Emulators) -> Places:
    return Places.of(emulators)


@pytest.fixture
def world(tmp_path: Path, seed: int, project: str, places: Places) -> Iterator[World]:
    print(f"FAULTS_SEED={seed}")
    with a_world(tmp_path, seed, project, places) as made:
        yield made
