"""F33, F34: replays that are killed, run twice, run at once, or come when the event is forgotten."""

from __future__ import annotations

import pytest

from headrace.dead_letters.facts import State
from headrace.runtime.failpoints import REPLAY
from tests.faults.replaying import SUBJECT, Replaying
from tests.faults.world import World, until

pytestmark = [pytest.mark.emulators, pytest.mark.faults]


@pytest.fixture
def replaying(world: World) -> Replaying:
    return Replaying(world)


def test_f33_killed_at_each_failpoint(replaying: Replaying) -> None:
    #  so many letters | killed | killed | ... | run to the end
    replaying.make_letters(replaying.bookings(25 * len(REPLAY)))
    engine = replaying.world.start()
    for failpoint in sorted(REPLAY):
        replaying.crash(f"{failpoint}:1", "--max", "20")
    assert replaying.run()["result"]["outcome"] == "done"
    replaying.rest(engine, 25 * len(REPLAY))
    assert replaying.run()["result"] is None, "a second run has nothing to do"
    assert {each.state for each in replaying.letters()} == {State.REPLAYED}
    replaying.check(engine)


def test_f33_killed_at_random_moments_while_the_job_runs(replaying: Replaying) -> None:
    replaying.make_letters(replaying.bookings(400))
    engine, chance = replaying.world.start(), replaying.world.mix.chance
    for _ in range(2):
        replaying.kill_after(chance.uniform(1, 4), "--rate", "60")
    replaying.run()
    replaying.rest(engine, 400)
    replaying.check(engine)


def test_f33_two_at_once(replaying: Replaying) -> None:
    replaying.make_letters(replaying.bookings(300))
    engine = replaying.world.start()
    both = [replaying.start("--rate", "200"), replaying.start("--rate", "300")]
    assert [each.wait(60) for each in both] == [0, 0]
    replaying.rest(engine, 300)
    replaying.check(engine)


def test_f33_what_is_still_wrong_is_the_same_letter_again_and_in_no_loop(replaying: Replaying) -> None:
    wrong = [replaying.world.mix.truncated(each) for each in replaying.bookings(20)]
    replaying.make_letters(wrong)
    engine = replaying.world.start()
    assert replaying.run()["result"] is None, "by default nothing is sent that would fail"
    assert replaying.run("--also-failing")["result"]["sent"] == 20
    until(lambda: {each.attempt for each in replaying.letters()} == {2}, engine)
    replaying.rest(engine, 0)
    assert {(each.attempt, each.state) for each in replaying.letters()} == {(2, State.OPEN)}
    assert len(replaying.letters()) == 20
    received = sum(n for key, n in replaying.world.tallied().items() if key[:2] == (SUBJECT, "received"))
    assert received == 40
    assert engine.drain() == 0


def test_f34_replayed_after_the_event_is_forgotten(replaying: Replaying) -> None:
    #  replayed, written | others written: forgotten | replayed again | and once more without a journal
    booked = replaying.bookings(120)
    replaying.make_letters(booked[:40])
    engine = replaying.world.start(ids_remembered="20")
    replaying.run()
    replaying.rest(engine, 40)
    replaying.world.publish(booked[40:])
    replaying.rest(engine, 120)
    assert replaying.run("--state", "replayed")["result"]["sent"] == 40
    until(lambda: replaying.world.tallied().get((SUBJECT, "duplicate", None)) == 40, engine)
    assert engine.drain() == 0
    engine = replaying.world.start(ids_remembered="20", journal=str(replaying.world.folder / "another-journal"))
    assert replaying.run("--state", "replayed")["result"]["sent"] == 40
    until(lambda: replaying.world.tallied().get((SUBJECT, "duplicate", None)) == 80, engine)
    replaying.rest(engine, 120)
    replaying.check(engine)
