"""Engines that are broken on purpose: the harness says of each what is wrong with it, by name."""

from __future__ import annotations

import pytest

from tests.faults import scripted_answers as answers
from tests.faults.oracle import Check, Evidence, judge
from tests.faults.test_f07_f16_appends import FLIGHTS, scripted
from tests.faults.world import World, until

pytestmark = [pytest.mark.emulators, pytest.mark.faults]
QUIET = 6.0


def broken(name: str) -> list[str]:
    return [f"tests.faults.broken.{name}"]


def found(evidence: Evidence) -> set[Check]:
    return {violation.check for violation in judge(evidence)}


@pytest.mark.faults_quick
def test_it_acknowledges_first(world: World) -> None:
    world.publish(world.mix.everything(flights=150, booked=0))
    world.crash("decoded:1", load=broken("acknowledges_first"))
    assert Check.ACKNOWLEDGED_WITHOUT_OUTCOME in found(world.owed())


def test_it_never_syncs(world: World) -> None:
    world.publish(world.mix.everything(flights=150, booked=0))
    world.crash("acknowledged:1", load=["tests.faults.power", *broken("never_syncs")])
    refused = world.start()
    assert refused.wait() == 6, refused.tail()
    assert refused.has_logged("the journal is an old copy")
    world.mourn()
    goes_on = world.start(load=broken("takes_old_copies"))
    assert Check.TALLIES_DIFFER_FROM_ROWS in found(world.settle(goes_on, quiet=14))


@pytest.mark.faults_quick
def test_it_refuses_what_exists(world: World) -> None:
    with scripted(world) as server:
        server.script.add(answers.lose_answer, table=FLIGHTS)
        world.publish([world.mix.flight() for _ in range(40)])
        evidence = world.settle(world.start(load=broken("refuses_what_exists")), quiet=QUIET)
    assert Check.DOUBLED_ROW in found(evidence)


@pytest.mark.faults_quick
def test_it_flees_to_a_new_stream(world: World) -> None:
    with scripted(world) as server:
        server.script.add(answers.lose_answer, table=FLIGHTS)
        world.publish([world.mix.flight() for _ in range(40)])
        evidence = world.settle(world.start(load=broken("flees_to_a_new_stream")), quiet=QUIET)
    assert Check.DOUBLED_ROW in found(evidence)


@pytest.mark.faults_quick
def test_it_knows_messages_and_not_events(world: World) -> None:
    messages = [world.mix.flight() for _ in range(40)]
    world.publish([*messages, *(world.mix.again(message) for message in messages)])
    evidence = world.settle(world.start(load=broken("knows_messages_not_events")), quiet=QUIET)
    assert Check.DOUBLED_ROW in found(evidence)


@pytest.mark.faults_quick
def test_it_drops_what_is_late(world: World) -> None:
    world.publish([*(world.mix.flight() for _ in range(40)), world.mix.late()])
    evidence = world.settle(world.start(load=broken("drops_what_is_late")), quiet=QUIET)
    assert Check.LOST in found(evidence)


@pytest.mark.faults_quick
def test_it_hopes_for_letters(world: World) -> None:
    world.take_dead_letters_away()
    world.publish([*(world.mix.flight() for _ in range(40)), world.mix.late()])
    engine = world.start(load=broken("hopes_for_letters"))
    until(lambda: world.count("flight_departed") == 40, engine)
    world.provision()
    assert Check.LOST in found(world.settle(engine, quiet=QUIET))


@pytest.mark.faults_quick
def test_it_forgets_on_restart(world: World) -> None:
    messages = [world.mix.flight() for _ in range(40)]
    world.publish(messages)
    world.check(world.settle(world.start()))
    world.publish([world.mix.again(message) for message in messages])
    evidence = world.settle(world.start(load=broken("forgets_on_restart")), quiet=QUIET)
    assert Check.DOUBLED_ROW in found(evidence)


@pytest.mark.faults_quick
def test_it_tallies_numbers_a_round_late(world: World) -> None:
    world.publish([world.mix.flight() for _ in range(250)])
    world.crash("acknowledged:1", load=broken("numbers_a_round_late"))
    assert found(world.settle(world.start())) == {Check.NUMBERS_DIFFER}
