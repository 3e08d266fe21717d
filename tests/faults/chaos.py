"""``python -m tests.faults.chaos``: what operators, neighbours and bad luck do to a job, in an order drawn with a seed.

Torture kills an engine in a thousand places. This goes beyond it: clocks that are wrong; journals that are lost, copied
or restored from an older copy; engines that sleep while another takes over; tables that are dropped and recreated,
emptied or restored; topics and subscriptions that are recreated; and a crowd on the health port. After each blow the
job goes on, and in the end every event that was confirmed, and whose row was not removed, is in its table once.

``--seed`` repeats a run, ``--blows`` says how many a run has, ``--runs`` how many runs. Prints a line a blow, and one
JSON object at the end; exits 1 when the oracle finds anything.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from headrace.dev.emulators import Emulators, running_emulators
from headrace.errors import Exit
from tests.faults.engine import Engine
from tests.faults.journal_copy import copy_journal
from tests.faults.mix import Message
from tests.faults.oracle import WRITTEN, Check, judge
from tests.faults.places import Places
from tests.faults.world import World, a_world, until

SETTINGS: Final = {
    "append_seconds": "20",
    "lease_seconds": "4",
    "round_messages": "250",
    "ids_remembered": "1000000",
    "log_format": "text",
}
SUBJECTS: Final = ("flight_departed", "booking_created")
CROWD: Final = 300
ENGINES_TO_SETTLE: Final = 10
SERVES_SECONDS: Final = 3.0  # enough to pull and settle what Pub/Sub holds
_HOUR: Final = 3600
_PAUSE: Final = threading.Event()


@dataclass
class Chaos:
    """One run: its world, its random numbers, and the copies of the journal that were put aside."""

    world: World
    chance: random.Random
    copies: list[tuple[Path, int]] = field(default_factory=list)
    unique: list[Message] = field(default_factory=list)
    taken_over: bool = False

    def __post_init__(self) -> None:
        self.blocks = self.world.mix.blocks(80)

    @property
    def journal(self) -> Path:
        return self.world.folder / "journal"

    def publish(self) -> None:
        """A slice of everything, and some events of before once more.

        Again come only events whose ids the engine must still know: what another journal has written, or a table that
        was restored holds, is looked up for messages that were published before, and not for one that comes an hour
        later (docs/promises.md, the horizon).
        """
        blocks = [message for _ in range(self.chance.randrange(1, 4)) for message in next(self.blocks)]
        self.world.publish(blocks)
        ids = Counter((each.sent.subject, each.sent.event_id) for each in blocks)
        self.unique += [
            each for each in blocks if each.sent.outcome == WRITTEN and ids[each.sent.subject, each.sent.event_id] == 1
        ]
        again = self.chance.sample(self.unique, min(len(self.unique), self.chance.randrange(40)))
        self.world.publish([self.world.mix.again(each) for each in again])

    def serve(self, **settings: str) -> None:
        """One engine until all is counted, or for a moment; it ends in good order."""
        engine = self.world.start(wait=True, **settings)
        if self.chance.random() < 0.5:
            until(self.world.is_settled, engine, seconds=120)
        else:
            _PAUSE.wait(self.chance.uniform(0.2, 2.0))
        ended_well(engine)

    def settle(self) -> None:
        """Run engines until Pub/Sub holds nothing. Counts do not show it: two engines may both count a message."""
        for _ in range(ENGINES_TO_SETTLE):
            self._serve_for_a_while(self.world.start())
            self.world.wait_for_redelivery()
            if not any(self.world.held(subject) for subject in SUBJECTS):
                return
        raise AssertionError(f"after {ENGINES_TO_SETTLE} engines Pub/Sub still holds messages")

    def _serve_for_a_while(self, engine: Engine) -> None:
        until(self.world.is_settled, engine, seconds=120)
        until(lambda: engine.is_ready, engine)
        _PAUSE.wait(SERVES_SECONDS)
        ended_well(engine)

    @property
    def written_ever(self) -> int:
        """How many rows were ever written, those that were removed among them."""
        return self.written() + len(self.world.gone)

    def doubled(self) -> list[str]:
        """The ids that some table holds more than once."""
        query = "SELECT _event_id AS id FROM `{}` GROUP BY 1 HAVING COUNT(*) > 1"
        return [row["id"] for name in SUBJECTS for row in self.world.query(query.format(table_of(self, name)))]

    def written(self) -> int:
        """How many rows all tables have."""
        return sum(self.world.count(subject) for subject in SUBJECTS)


def ended_well(engine: Engine) -> None:
    """Drain *engine*."""
    code = engine.drain(60)
    assert code == Exit.DONE, f"the engine ended with code {code}; {engine.tail()}"


def is_refused(engine: Engine, *codes: int) -> None:
    """Wait until *engine* ends by itself, with one of *codes*."""
    code = engine.wait(60)
    assert code in codes, f"the engine ended with code {code}, not {codes}; {engine.tail()}"


def serves(engine: Engine) -> bool:
    """Whether *engine* is ready and goes on for a few leases: one that is fenced off ends before."""
    deadline = time.monotonic() + 30
    while engine.is_alive and not engine.is_ready and time.monotonic() < deadline:
        _PAUSE.wait(0.1)
    _PAUSE.wait(3 * float(SETTINGS["lease_seconds"]))
    return engine.is_alive


# The blows. Each leaves no engine running.


def is_killed(run: Chaos) -> None:
    engine = run.world.start()
    _PAUSE.wait(run.chance.uniform(0, 1.5))
    run.world.kill(engine)


def has_a_wrong_clock(run: Chaos) -> None:
    off = run.chance.choice([-1, 1]) * run.chance.choice([_HOUR, 25 * _HOUR, 72 * _HOUR])
    before = run.written()
    with environment(CHAOS_CLOCK_SECONDS=str(off)):
        engine = run.world.start(load=["tests.faults.wrong_clock"], wait=False)
        is_refused(engine, Exit.CONFIGURATION, Exit.HALTED)
    assert run.written() == before, f"an engine whose clock is off by {off} s wrote; {engine.tail()}"
    run.world.mourn()


def loses_its_journal(run: Chaos) -> None:
    """After an engine that ended in good order: what a killed one had counted and not yet appended is lost with it."""
    run.serve()
    forget_the_journal(run)


def forget_the_journal(run: Chaos) -> None:
    shutil.rmtree(run.journal, ignore_errors=True)
    run.copies.clear()  # what they hold is of another engine
    run.unique.clear()


def is_copied(run: Chaos) -> None:
    """Put a copy of the journal aside, for later."""
    if run.journal.exists():
        copy = run.world.folder / f"copy-{len(run.copies)}-{run.chance.getrandbits(32):x}"
        copy_journal(run.journal, copy)
        run.copies.append((copy, run.written_ever))


def is_restored_from_an_older_copy(run: Chaos) -> None:
    if not run.copies:
        return
    copy, written = run.copies.pop(run.chance.randrange(len(run.copies)))
    run.serve()
    if written == run.written_ever:
        return  # nothing was written since: the copy is as good
    shutil.rmtree(run.journal)
    copy_journal(copy, run.journal)
    before = run.written()
    is_refused(run.world.start(wait=False), Exit.HALTED)
    assert run.written() == before, "an engine wrote from an older journal"
    forget_the_journal(run)


def is_copied_and_run_twice(run: Chaos) -> None:
    """Two engines with one engine's name: one of them serves."""
    if not run.journal.exists():
        return
    twin = run.world.folder / f"twin-{run.chance.getrandbits(32):x}"
    copy_journal(run.journal, twin)
    first = run.world.start()
    until(lambda: first.is_ready, first)
    second = run.world.start(wait=False, journal=str(twin))
    is_refused(second, Exit.CONFIGURATION, Exit.HALTED)
    if first.is_alive and first.drain(60) not in (Exit.DONE, Exit.HALTED):
        raise AssertionError(first.tail())
    run.world.mourn()
    shutil.rmtree(twin)


def sleeps_while_another_serves(run: Chaos) -> None:
    run.taken_over = True
    first = run.world.start()
    has_claimed = run.chance.random() < 0.5
    if has_claimed:
        until(lambda: first.is_ready, first)
    _PAUSE.wait(run.chance.uniform(0, 1.0))
    first.pause()
    _PAUSE.wait(float(SETTINGS["lease_seconds"]) + 1)
    second = run.world.start(journal=str(run.world.folder / "another"))
    until(lambda: second.is_ready, second)  # one that had no time to serve takes nothing over
    _PAUSE.wait(run.chance.uniform(0.5, 2.0))
    if run.chance.random() < 0.5:
        ended_well(second)
        first.resume()
    else:
        first.resume()
        ended_well(second)
    run.unique.clear()
    if has_claimed or not serves(first):
        is_refused(first, Exit.CONFIGURATION, Exit.HALTED)  # the former when it slept before it had claimed anything
    else:
        ended_well(first)  # it slept before it had claimed anything, and the other has ended: it is its turn
    run.world.mourn()


def has_its_table_recreated(run: Chaos) -> None:
    """While no engine serves, or while an engine runs that has nothing to do."""
    subject = run.chance.choice(SUBJECTS)
    with at_rest(run):
        run.world.removing_rows(subject)
        run.world.bigquery.delete_table(table_of(run, subject))
        run.world.provision()


def has_its_table_emptied(run: Chaos) -> None:
    subject = run.chance.choice(SUBJECTS)
    with at_rest(run):
        run.world.removing_rows(subject)
        how = run.chance.choice(["TRUNCATE TABLE {}", "DELETE FROM {} WHERE TRUE"])
        run.world.query(how.format(f"`{table_of(run, subject)}`"))


def has_its_table_restored(run: Chaos) -> None:
    """The rows of some moment come back in a table of the same name; those that came later are gone."""
    subject = run.chance.choice(SUBJECTS)
    table = table_of(run, subject)
    kept = f"{table}_kept_{run.chance.getrandbits(32):x}"
    run.world.query(f"CREATE TABLE `{kept}` AS SELECT * FROM `{table}`")
    run.publish()
    run.serve()
    with at_rest(run):
        ids = {row["_event_id"] for row in run.world.query(f"SELECT _event_id FROM `{kept}`")}
        run.world.removing_rows(subject, but=ids)
        run.world.bigquery.delete_table(table)
        run.world.provision()
        run.world.query(f"INSERT INTO `{table}` SELECT * FROM `{kept}`")
    run.world.bigquery.delete_table(kept)
    run.unique.clear()


def has_its_topic_recreated(run: Chaos) -> None:
    """Only when nothing is in flight: what a subscription holds goes with it."""
    world, subject = run.world, run.chance.choice(SUBJECTS)
    run.settle()
    world.subscriber.delete_subscription(subscription=world.names.subscription(subject))
    world.publisher.delete_topic(topic=world.names.topic(subject))
    world.provision()


def has_a_crowd_at_its_door(run: Chaos) -> None:
    """Idle connections to the health port, more than it can hold."""
    engine = run.world.start()
    with ExitStack() as open_:
        for _ in range(CROWD):
            try:
                open_.enter_context(socket.create_connection(engine.health_address, timeout=5))
            except OSError:
                break
        run.publish()
        until(run.world.is_settled, engine, seconds=120)
    ended_well(engine)


BLOWS: Final[dict[Callable[[Chaos], None], int]] = {
    is_killed: 4,
    has_a_wrong_clock: 2,
    loses_its_journal: 2,
    is_copied: 2,
    is_restored_from_an_older_copy: 2,
    is_copied_and_run_twice: 1,
    sleeps_while_another_serves: 2,
    has_its_table_recreated: 2,
    has_its_table_emptied: 2,
    has_its_table_restored: 1,
    has_its_topic_recreated: 1,
    has_a_crowd_at_its_door: 1,
}


def table_of(run: Chaos, subject: str) -> str:
    return run.world.names.sql(run.world.registry.latest(subject).options.table).strip("`")


@contextmanager
def at_rest(run: Chaos) -> Iterator[None]:
    """Nothing is in flight: no engine serves, or an engine that has settled everything."""
    if run.chance.random() < 0.5:
        yield
        return
    run.settle()
    engine = run.world.start()
    until(run.world.is_settled, engine, seconds=120)
    yield
    _PAUSE.wait(run.chance.uniform(0, 3.0))
    ended_well(engine)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Variables for the engines that are started within."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def run_once(seed: int, blows: int, only: Sequence[str], emulators: Emulators, folder: Path) -> dict[str, Any]:
    """One run; AssertionError with what was found."""
    started = time.monotonic()
    drawn = {blow: weight for blow, weight in BLOWS.items() if not only or blow.__name__ in only}
    with a_world(folder, seed, f"chaos-{seed}", Places.of(emulators), **SETTINGS) as world:
        run = Chaos(world, random.Random(seed))
        counted = Counter[str]()
        for number in range(1, blows + 1):
            run.publish()
            (blow,) = run.chance.choices(list(drawn), list(drawn.values()))
            print(f"  {seed} {number}/{blows} the job {blow.__name__.replace('_', ' ')}", flush=True)
            blow(run)
            counted[blow.__name__] += 1
            assert not (doubled := run.doubled()), f"after {blow.__name__}: {len(doubled)} doubled, as {doubled[:3]}"
            if run.chance.random() < 0.6:
                run.serve()
        run.settle()
        evidence = world.settle(world.start(), seconds=300)
        # A message that two engines handled is counted by both (docs/promises.md).
        twice = {Check.TALLIES_DIFFER_FROM_MESSAGES, Check.TALLIES_DIFFER_FROM_LETTERS} if run.taken_over else ()
        violations = [each for each in judge(evidence) if each.check not in twice]
        details = "\n".join(f"  {each.check}: {each.detail}" for each in violations[:20])
        assert not violations, f"{len(violations)} violations\n{details}"
        return {
            "seed": seed,
            "events": len(world.sent),
            "rows": len(evidence.rows),
            "removed": len(world.gone),
            "engines": len(world.engines),
            "blows": dict(counted),
            "seconds": round(time.monotonic() - started),
        }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--blows", type=int, default=25)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], choices=[blow.__name__ for blow in BLOWS])
    arguments = parser.parse_args()
    found, results = [], []
    for number in range(arguments.runs):
        seed = arguments.seed + number if arguments.seed is not None else random.SystemRandom().randrange(10**8)
        with tempfile.TemporaryDirectory() as folder, running_emulators(Path(folder)) as emulators:
            try:
                results.append(run_once(seed, arguments.blows, arguments.only, emulators, Path(folder)))
            except AssertionError as error:
                found.append({"seed": seed, "found": str(error)})
                print(f"  {seed}: {error}", flush=True)
    print(json.dumps({"runs": results, "found": found}, indent=2))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
