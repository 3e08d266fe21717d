"""Killed at a moment that is chosen."""

from __future__ import annotations

import pytest

from tests.faults.world import World

pytestmark = [pytest.mark.emulators, pytest.mark.faults]


def test_nothing_happens(world: World) -> None:
    world.publish(world.mix.everything(flights=240, booked=60))
    world.check(world.settle(world.start()))


def test_f01_killed_after_a_pull(world: World) -> None:
    world.publish(world.mix.everything(flights=240, booked=60))
    world.crash("pulled:1")
    world.check(world.evidence(at_rest=False))
    world.check(world.settle(world.start()))
