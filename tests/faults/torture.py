"""``make torture``: a million events, three hundred kills at random moments, every failpoint twenty times, sixty tables
dropped, emptied or restored in between, and three hundred kills of the local broker.

It goes in rounds, each a world of its own with a seed of its own: what a round has shown is kept, so that it can be
interrupted and goes on where it was. The last round writes the report.

On Google's emulator, which loses everything with its process, Pub/Sub is not killed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from google.cloud.bigquery_storage_v1 import types as wire

from headrace.dev.emulators import Emulators, running_emulators
from headrace.dev.pubsub_services import PubsubService
from tests.faults.engine import Engine
from tests.faults.mix import Message, Mix
from tests.faults.mortal_broker import MortalBroker, a_mortal_broker
from tests.faults.oracle import judge
from tests.faults.places import Places
from tests.faults.replaced import Tables, audited
from tests.faults.scripted_answers import refuse_indices
from tests.faults.scripted_behind import streams_behind
from tests.faults.scripted_streams import Append, a_scripted_server
from tests.faults.torture_plan import KILL, LIVES_ON, ROUNDS, Plan, plan_of
from tests.faults.torture_report import progress, report
from tests.faults.warm import a_nursery
from tests.faults.world import World, a_world
from tests.support.paths import ROOT

FOLDER: Final = Path(os.environ.get("TORTURE_FOLDER", ".headrace/torture")).resolve()
REPORT: Final = ROOT / "docs" / "reports" / "torture.md"
FLIGHTS_OF_100: Final = 76  # messages of a slice that are good flights; the others are bookings and faults
LONGER: Final = 3  # times the slices of its plan a round may take: a busy machine reaches a failpoint more seldom
LIVES_SECONDS: Final = 5.0
SLOW_MESSAGES: Final = 10
SLOW_SECONDS: Final = 0.02
REFUSED: Final = "refuse-"  # BigQuery, as scripted, refuses rows whose id begins so
SETTINGS: Final = {
    "append_seconds": "20",
    "lease_seconds": "5",
    "round_messages": "250",
    "ids_remembered": "2000",
    "log_format": "json",
}
_LATER: Final = {"pulled", "decoded", "looked_up", "letters_published", "before_commit", "committed", "append_sent"} | {
    "appended",
    "before_outcome",
    "outcome_committed",
    "acknowledged",
}
_PAUSE: Final = threading.Event()


def slices_of(mix: Mix, size: int) -> Iterator[list[Message]]:
    """Slices of about *size* messages without end: flights and bookings with faults among them, and rows that
    BigQuery will refuse.

    An event's second message is in the slice of its first. Published later, it could come when the engine has
    forgotten the id: an engine that lives long writes more than `ids_remembered` events of earlier slices meanwhile.
    """
    for number, block in enumerate(mix.blocks(size * FLIGHTS_OF_100 // 100)):
        refused = (f"{REFUSED}{mix.seed}-{number}-{place}" for place in range(2))
        block += [mix.flight(event_id, outcome="refused_by_bigquery") for event_id in refused]
        mix.chance.shuffle(block)
        yield block


class Round:
    """One round in its world; *broker* is killed with it, if there is one."""

    def __init__(self, plan: Plan, world: World, broker: MortalBroker | None) -> None:
        self._plan, self._world, self._broker = plan, world, broker
        self._tables = Tables(world, _die)
        self._deaths = deque(plan.deaths)
        self.reached = Counter[str]()

    def run(self) -> None:
        """Publish slice after slice, and let an engine die, or strike a table, at each."""
        plan, struck = self._plan, self._plan.struck()
        slices = slices_of(self._world.mix, plan.events // plan.slices)
        for place in range(plan.slices * LONGER):
            if place >= plan.slices and not self._deaths:
                break
            published = next(slices)
            if blow := struck.get(place):
                self._tables.strike(blow, partial(self._publish, published))
                print(f"  a table {blow}", flush=True)
                continue
            if self._broker is not None and place in self._plan.shaken:
                with self._broker.killed_meanwhile():
                    self._publish_slowly(published)
                    self._die_next()
            else:
                self._publish(published)
                self._die_next()
        assert not self._deaths, f"never reached: {sorted(self._deaths)}"

    def _publish(self, messages: Sequence[Message]) -> None:
        self._tables.published(messages)
        self._send(messages)

    def _publish_slowly(self, messages: Sequence[Message]) -> None:
        """Publish small requests one after the other, so that a kill may come while one is under way."""
        self._tables.published(messages)
        for start in range(0, len(messages), SLOW_MESSAGES):
            self._send(messages[start : start + SLOW_MESSAGES])
            _PAUSE.wait(SLOW_SECONDS)

    def _send(self, messages: Sequence[Message]) -> None:
        """Publish, and publish again what was not confirmed, as a producer does."""
        unconfirmed = self._world.publish(messages)
        while unconfirmed and self._broker is not None:
            self._broker.wait_until_back()
            unconfirmed = self._world.publish([self._world.mix.again(each) for each in unconfirmed])

    def _die_next(self) -> None:
        if not self._deaths:
            return
        death = self._deaths[0]
        if self._live_on() if death == LIVES_ON else _die(self._world, death):
            self.reached[self._deaths.popleft()] += 1
        else:
            self._deaths.rotate(-1)  # it did not come there: later

    def _live_on(self) -> bool:
        """Kill the broker under an engine, which goes on when it is back, and drain the engine."""
        assert self._broker is not None
        engine = self._world.start()
        with self._broker.killed_meanwhile():
            pass
        _PAUSE.wait(self._world.mix.chance.uniform(0, LIVES_SECONDS))
        code = engine.drain(60)
        assert code == 0, f"the engine ended with code {code}; {engine.tail()}"
        return True


def run_round(plan: Plan, emulators: Emulators, folder: Path) -> dict[str, Any]:
    """One round; raises AssertionError with what the oracle found."""
    started = time.monotonic()
    with (
        _mortal(plan, folder) as broker,
        _refusing(_places(emulators, broker)) as route,
        a_world(folder, plan.seed, f"torture-{plan.seed}", _places(emulators, broker), **SETTINGS) as world,
    ):
        world.route = route
        done = Round(plan, world, broker)
        done.run()
        evidence = world.settle(world.start(), seconds=900, all_confirmed=broker is None)
        violations = judge(evidence)
        assert not violations, _described(plan, violations)
        lost = audited(world, evidence)
        tallies = Counter[str]()
        for (_, outcome, _), count in evidence.tallies.items():
            tallies[outcome] += count
        return {
            "number": plan.number,
            "seed": plan.seed,
            "events": len(world.sent),
            "unconfirmed": sum(each.indeterminate for each in world.sent),
            "rows": len(evidence.rows),
            "letters": len({letter.probe for letter in evidence.letters}),
            "tallies": dict(tallies),
            "deaths": dict(done.reached),
            "broker_kills": broker.kills if broker else 0,
            "blows": dict(Counter(str(each) for each in plan.blows)),
            "gone": len(evidence.gone),
            "lost": sum(lost.values()),
            "seconds": round(time.monotonic() - started),
        }


def _mortal(plan: Plan, folder: Path) -> AbstractContextManager[MortalBroker | None]:
    return a_mortal_broker(folder / "pubsub", plan.seed) if plan.shaken else nullcontext()


def _places(emulators: Emulators, broker: MortalBroker | None) -> Places:
    places = Places.of(emulators)
    return places if broker is None else replace(places, pubsub=broker.address)


def _die(world: World, death: str) -> bool:
    """Start an engine and let it die; whether it died where it should."""
    chance = world.mix.chance
    if death == KILL:
        engine = world.start()
        _PAUSE.wait(chance.uniform(0, 1.5))
        world.kill(engine)
        return True
    if death == "pending_batch_moved" and not _die(world, "committed"):
        return False
    nth = chance.randrange(1, 4) if death in _LATER else 1
    engine = world.start(f"{death}:{nth}", wait=death == "drained")
    if death == "drained":
        engine.ask_to_stop()
    try:
        code = engine.wait(30)  # of a busy machine
    except AssertionError:
        world.kill(engine)
        return False
    world.mourn()
    assert code == -9, f"the engine ended with code {code} instead of at {death}; {engine.tail()}"
    return True


@contextmanager
def _refusing(places: Places) -> Iterator[Places]:
    """The way to the emulator through a server that refuses some rows, as BigQuery may and the emulator never does."""

    def offending(append: Append) -> wire.AppendRowsResponse:
        ids = append.values("_event_id")
        return refuse_indices(append, [index for index, id_ in enumerate(ids) if id_.startswith(REFUSED)])

    with streams_behind(places.grpc) as behind, a_scripted_server(behind) as scripted:
        scripted.script.add(offending, times=None, table="flights")
        yield Places(places.pubsub, places.rest, scripted.address)


def _described(plan: Plan, violations: Sequence[Any]) -> str:
    details = "\n".join(f"  {each.check}: {each.detail}" for each in violations[:20])
    return f"round {plan.number} (seed {plan.seed}): {len(violations)} violations\n{details}"


def main() -> int:
    """Run the rounds that are still to be run; 1 when one of them found something."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = FOLDER / "rounds.ndjson"
    rounds = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    chance = random.SystemRandom()
    kills_broker = PubsubService.chosen() is PubsubService.BROKER
    for number in range(len(rounds) + 1, ROUNDS + 1):
        plan = plan_of(number, chance.randrange(10**8), kills_broker=kills_broker)
        folder = FOLDER / f"round-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        print(
            f"round {number} of {ROUNDS}: seed {plan.seed}, {len(plan.deaths)} deaths, {len(plan.blows)} tables, "
            f"{len(plan.shaken)} slices with a kill of the broker",
            flush=True,
        )
        with running_emulators(folder) as emulators, a_nursery() as nursery, pytest.MonkeyPatch.context() as patch:
            patch.setattr(Engine, "spawn", staticmethod(nursery.spawn))
            done = run_round(plan, emulators, folder)
        with kept.open("a") as file:
            file.write(json.dumps(done) + "\n")
        rounds.append(done)
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(report(rounds))
        print(progress(rounds), flush=True)
        shutil.rmtree(folder)
    print(f"report: {REPORT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
