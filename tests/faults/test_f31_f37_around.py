"""F31 to F37: the dead-letter topic, the disk, and other engines."""

from __future__ import annotations

import threading

import pytest

from tests.faults.oracle import Check
from tests.faults.world import World, until

POWER = "tests.faults.power"
pytestmark = [pytest.mark.emulators, pytest.mark.faults]


@pytest.mark.faults_quick
def test_f31_without_a_dead_letter_topic_nothing_is_acknowledged(world: World) -> None:
    world.take_dead_letters_away()
    world.publish([world.mix.late(), *(world.mix.flight() for _ in range(80)), world.mix.late()])
    engine = world.start()
    until(lambda: engine.has_logged("blocked", "dead-letters"), engine)
    assert engine.counted("flight_departed", "acknowledged") == 0
    engine.pause()  # a letter between the topic and its subscription would be lost
    world.provision()
    engine.resume()
    world.check(world.settle(engine))


def test_f31_killed_between_a_letter_and_its_commit(world: World) -> None:
    world.publish(world.mix.everything(flights=200, booked=20))
    world.crash("letters_published:1")
    world.check(world.settle(world.start()))


@pytest.mark.faults_quick
def test_f35_a_full_disk_stops_everything_until_there_is_room(world: World) -> None:
    control = world.folder / "disk"
    engine = world.start(load=[POWER], power_control=str(control))
    until(lambda: engine.is_ready, engine)
    control.write_text("full")
    world.publish(world.mix.everything(flights=150, booked=20))
    until(lambda: engine.has_logged("blocked", "no space"), engine)
    assert engine.counted("flight_departed", "acknowledged") == 0
    assert world.count("flight_departed") == 0
    control.write_text("")
    world.check(world.settle(engine))


def test_f35_after_a_sync_that_failed_the_journal_is_not_trusted(world: World) -> None:
    control = world.folder / "disk"
    engine = world.start(load=[POWER], power_control=str(control))
    until(lambda: engine.is_ready, engine)
    world.publish([world.mix.flight() for _ in range(800)])
    until(lambda: world.count("flight_departed") > 0, engine)
    control.write_text("eio")
    assert engine.wait(30) not in (0, 70), engine.tail()
    assert engine.has_logged("disk failed"), engine.tail()
    world.mourn()
    world.check(world.owed())
    world.check(world.settle(world.start()))


def test_f37_a_stopped_engine_is_fenced_off_by_the_one_that_takes_over(world: World) -> None:
    world.publish([world.mix.flight() for _ in range(1_500)])
    old = world.start()
    until(lambda: world.count("flight_departed") > 0, old)
    old.pause()
    world.mourn()
    threading.Event().wait(4)  # twice its lease
    new = world.start(journal=str(world.folder / "second-journal"), lease_seconds="10")  # it never runs out by itself
    until(lambda: new.is_ready, new)
    old.resume()
    assert old.wait(40) == 6, old.tail()
    world.mourn()
    world.settle(new)

    # The old journal comes back, and its engine dies at once: its claim must not hide that it was taken over.
    world.crash("claimed:1")

    # What the old engine had counted and not appended yet is in its journal; what it had not acknowledged was counted
    # by both, as written by the one and as a duplicate by the other.
    evidence = world.settle(world.start(), quiet=5)
    world.check(evidence, but=[Check.TALLIES_DIFFER_FROM_MESSAGES])


@pytest.mark.faults_quick
@pytest.mark.parametrize("journal", ["journal", "second-journal"], ids=["one journal", "two journals"])
def test_f37_a_second_engine_is_refused_while_the_first_lives(world: World, journal: str) -> None:
    world.publish([world.mix.flight() for _ in range(100)])
    first = world.start(lease_seconds="10")
    until(lambda: first.is_ready, first)
    second = world.start(wait=False, journal=str(world.folder / journal))
    assert second.wait() == 3, second.tail()
    world.check(world.settle(first))
