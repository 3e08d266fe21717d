"""F13: a version with another column appears in the folder of contracts while the engine runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from headrace.dev.demo.bookings import bookings
from headrace.schemas.samples import SAMPLES
from tests.faults.engine import Engine
from tests.faults.mix import Message
from tests.faults.world import World, until

pytestmark = [pytest.mark.emulators, pytest.mark.faults]
NEWER = SAMPLES / "booking_created.v2.avsc"


def first_versions(world: World) -> Path:
    """A folder with all contracts but the second version of bookings."""
    folder = world.folder / "contracts"
    folder.mkdir()
    for path in SAMPLES.glob("*.avsc"):
        if path.name != NEWER.name:
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


def older_bookings(world: World, count: int, seed: int = 1) -> list[Message]:
    made = bookings(count, world.mix.now, world.seed + seed, versions=(1,))
    return [world.mix.booking(version, fields) for version, fields in made]


def has_changed(engine: Engine, times: int) -> bool:
    return engine.count_logged("contracts_changed") == times


@pytest.mark.faults_quick
def test_f13_a_version_appears_while_events_of_the_older_one_flow(world: World) -> None:
    folder = first_versions(world)
    engine = world.start(contracts=str(folder))
    world.publish(older_bookings(world, 200))
    (folder / NEWER.name).write_bytes(NEWER.read_bytes())
    world.publish([world.mix.flight() for _ in range(200)])
    until(lambda: engine.has_logged("contracts_changed", "booking_created"), engine)
    world.publish(world.mix.everything(flights=240, booked=60))
    world.check(world.settle(engine))


def test_f13_killed_while_a_subject_begins_anew(world: World) -> None:
    folder = first_versions(world)
    engine = world.start(contracts=str(folder))
    world.publish(older_bookings(world, 400))
    (folder / NEWER.name).write_bytes(NEWER.read_bytes())
    until(lambda: engine.has_logged("contracts_changed", "booking_created"), engine)
    world.kill(engine)
    world.publish(world.mix.everything(flights=240, booked=60))
    world.check(world.settle(world.start(contracts=str(folder))))


def test_f13_a_version_comes_and_goes_under_load(world: World) -> None:
    folder = first_versions(world)
    engine = world.start(contracts=str(folder))
    for change in range(3):
        world.publish(older_bookings(world, 100, seed=change + 1))
        if change % 2:
            (folder / NEWER.name).unlink()
        else:
            (folder / NEWER.name).write_bytes(NEWER.read_bytes())
        until(partial(has_changed, engine, change + 1), engine)
    world.publish(world.mix.everything(flights=100, booked=60))
    world.check(world.settle(engine))
