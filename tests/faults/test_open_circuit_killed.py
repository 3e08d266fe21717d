"""A subject whose circuit is open stays so through ``kill -9``, and loses nothing."""

from __future__ import annotations

import subprocess
from functools import partial

import pytest

from headrace.steps.circuit_breaker import FLOOR
from tests.faults.world import World, until
from tests.support.jobs import COMMAND

pytestmark = [pytest.mark.emulators, pytest.mark.faults]
ROUND = 100  # messages, as worlds have it


def test_a_held_subject_stays_held_through_kills_and_all_comes_once_it_is_let_go(world: World) -> None:
    #  1,700 unreadable | held, killed | a sample, killed | held | let go: letters
    flood = [world.mix.truncated(world.mix.flight()) for _ in range(FLOOR + 700)]
    world.publish(flood)
    for _ in range(2):
        engine = world.start()
        until(partial(engine.has_logged, "circuit_opened", "flight_departed"), engine)
        world.kill(engine)
    world.collect_letters()
    assert len(world.letters) < FLOOR + ROUND, "while it is held none gets out"
    resume = [*COMMAND, "resume", "flight_departed", "--journal", str(world.folder / "journal")]
    subprocess.run(resume, env=world.environment, check=True, capture_output=True)
    world.check(world.settle(world.start()))
    assert world.tallied()["flight_departed", "dead_lettered", "undecodable_payload"] == len(flood)
