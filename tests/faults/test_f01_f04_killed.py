"""F01 to F04, F36: killed at a moment that is chosen, and started again."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.engine.journal import Journal
from tests.faults.journal_copy import copy_journal
from tests.faults.proxy import a_proxy
from tests.faults.wal import last_transaction
from tests.faults.world import World, until

pytestmark = [pytest.mark.emulators, pytest.mark.faults]


@pytest.mark.faults_quick
def test_f01_killed_after_a_pull(world: World) -> None:
    world.publish(world.mix.everything(flights=240, booked=60))
    world.crash("pulled:1")
    world.check(world.owed())
    world.check(world.settle(world.start()))


def test_f02_killed_while_the_answer_to_an_append_is_on_its_way(world: World) -> None:
    with a_proxy(world.places.grpc) as proxy:
        world.route = replace(world.places, grpc=proxy.address)
        engine = world.start(append_seconds="60")
        world.publish([world.mix.flight()])
        until(lambda: world.count("flight_departed") == 1, engine)  # its write stream is open
        proxy.swallow_answers = True
        world.publish(world.mix.everything(flights=120, booked=0))
        until(lambda: world.count("flight_departed") > 1, engine)
        world.kill(engine)
        proxy.heal()
        world.check(world.settle(world.start()))


@pytest.mark.faults_quick
@pytest.mark.parametrize("failpoint", ["appended", "outcome_committed"])
def test_f03_killed_after_an_append_was_confirmed(world: World, failpoint: str) -> None:
    hits = world.mix.chance.randrange(1, 4)
    world.publish(world.mix.everything(flights=240 * hits, booked=60 * hits))
    world.crash(f"{failpoint}:{hits}")
    world.check(world.settle(world.start()))


def test_f04_a_torn_end_of_the_journal_is_dropped(world: World, tmp_path: Path) -> None:
    world.publish(world.mix.everything(flights=240, booked=0))
    world.crash("committed:2")
    journal = tmp_path / "journal"
    start, end = last_transaction(journal / "journal.db-wal")

    for number, length in enumerate(range(start, end, max(1, (end - start) // 40))):
        torn = tmp_path / f"torn-{number}"
        _tear(journal, torn, length)
        assert Journal.open(torn).pending("flights") is not None
        shutil.rmtree(torn)

    torn = tmp_path / "torn"
    _tear(journal, torn, world.mix.chance.randrange(start, end))
    world.check(world.settle(world.start(journal=str(torn))))


@pytest.mark.parametrize("failpoint", ["before_commit", "committed", "outcome_committed"])
def test_f04_the_power_fails(world: World, failpoint: str) -> None:
    world.publish(world.mix.everything(flights=240, booked=20))
    appended_together = failpoint == "outcome_committed"  # rounds that wait: there may be a single outcome
    nth = 1 if appended_together else world.mix.chance.randrange(1, 4)
    world.crash(f"{failpoint}:{nth}", load=["tests.faults.power"], power_torn=str(world.seed))
    world.check(world.settle(world.start()))


def _tear(journal: Path, torn: Path, length: int) -> None:
    """A copy whose log ends after *length* bytes, as a power cut leaves it; the index of the log is never on disk."""
    copy_journal(journal, torn)
    (torn / "journal.db-shm").unlink(missing_ok=True)
    torn.chmod(0o700)
    with (torn / "journal.db-wal").open("r+b") as log:
        log.truncate(length)


@pytest.mark.faults_quick
def test_f36_a_drain_with_thousands_in_flight_ends_in_good_order(world: World) -> None:
    world.publish([world.mix.flight() for _ in range(4_000)])
    engine = world.start(round_messages="500")
    until(lambda: engine.counted("flight_departed", "acknowledged") > 0, engine)
    assert engine.drain(30) == 0
    world.check(world.settle(world.start()))


def test_f36_a_second_sigterm_changes_nothing(world: World) -> None:
    world.publish([world.mix.flight() for _ in range(2_000)])
    engine = world.start()
    until(lambda: engine.counted("flight_departed", "acknowledged") > 0, engine)
    engine.ask_to_stop()
    engine.ask_to_stop()
    assert engine.wait(30) == 0
    world.check(world.settle(world.start()))


def test_f36_killed_during_the_drain(world: World) -> None:
    world.publish([world.mix.flight() for _ in range(2_000)])
    engine = world.start()
    until(lambda: engine.counted("flight_departed", "acknowledged") > 0, engine)
    engine.ask_to_stop()
    world.kill(engine)
    assert engine.wait() in (0, -signal.SIGKILL)
    world.check(world.settle(world.start()))
