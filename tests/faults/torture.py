"""``make torture``: a million events, three hundred kills at random moments, every failpoint twenty times,
and sixty tables dropped, emptied or restored in between.

It goes in rounds, each a world of its own with a seed of its own: what a round has shown is kept, so that it can be
interrupted and goes on where it was. The last round writes the report.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest
from google.cloud.bigquery_storage_v1 import types as wire

from headrace.dev.emulators import Emulators, running_emulators
from headrace.runtime.failpoints import ENGINE
from tests.faults.engine import Engine
from tests.faults.mix import Message, Mix
from tests.faults.oracle import judge
from tests.faults.places import Places
from tests.faults.replaced import EVERY, Blow, Tables, audited
from tests.faults.scripted_answers import refuse_indices
from tests.faults.scripted_behind import streams_behind
from tests.faults.scripted_streams import Append, a_scripted_server
from tests.faults.warm import a_nursery
from tests.faults.world import World, a_world
from tests.support.paths import ROOT

EVENTS: Final = int(os.environ.get("TORTURE_EVENTS", "1000000"))
KILLS: Final = int(os.environ.get("TORTURE_KILLS", "300"))
HITS: Final = int(os.environ.get("TORTURE_HITS", "20"))
TABLES: Final = int(os.environ.get("TORTURE_TABLES", "60"))
ROUNDS: Final = int(os.environ.get("TORTURE_ROUNDS", "20"))
FOLDER: Final = Path(os.environ.get("TORTURE_FOLDER", ".headrace/torture")).resolve()
REPORT: Final = ROOT / "docs" / "reports" / "torture.md"
FLIGHTS_OF_100: Final = 76  # messages of a slice that are good flights; the others are bookings and faults
LONGER: Final = 3  # times the slices of its plan a round may take: a busy machine reaches a failpoint more seldom
KILL: Final = "kill -9"
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


@dataclass(frozen=True, slots=True)
class Plan:
    """What one round does."""

    number: int
    seed: int
    events: int
    deaths: tuple[str, ...]
    blows: tuple[Blow, ...]


def plan_of(number: int, seed: int) -> Plan:
    """The deaths of a round in their order: kills at random moments, and every failpoint."""
    chance = random.Random(seed)
    deaths = [KILL] * (KILLS // ROUNDS) + sorted(ENGINE) * (HITS // ROUNDS)
    chance.shuffle(deaths)
    blows = [EVERY[place % len(EVERY)] for place in range((number - 1) * TABLES // ROUNDS, number * TABLES // ROUNDS)]
    chance.shuffle(blows)
    return Plan(number, seed, EVENTS // ROUNDS, tuple(deaths), tuple(blows))


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


def run_round(plan: Plan, emulators: Emulators, folder: Path) -> dict[str, Any]:
    """One round; raises AssertionError with what the oracle found."""
    places = Places.of(emulators)
    started = time.monotonic()
    with (
        _refusing(places) as route,
        a_world(folder, plan.seed, f"torture-{plan.seed}", places, **SETTINGS) as world,
    ):
        world.route = route
        count = len(plan.deaths) * 3 // 2 + len(plan.blows)
        slices = slices_of(world.mix, plan.events // count)
        reached = Counter[str]()
        deaths, tables = deque(plan.deaths), Tables(world, _die)
        due = {(place + 1) * count // (len(plan.blows) + 1): blow for place, blow in enumerate(plan.blows)}

        def publish(published: Sequence[Message]) -> None:
            world.publish(published)
            tables.published(published)

        for place in range(count * LONGER):
            if place >= count and not deaths:
                break
            published = next(slices)
            if blow := due.get(place):
                tables.strike(blow, partial(publish, published))
                print(f"  a table {blow}", flush=True)
                continue
            publish(published)
            if deaths and not _die(world, deaths[0]):
                deaths.rotate(-1)  # it did not come there: later
            elif deaths:
                reached[deaths.popleft()] += 1
        assert not deaths, f"never reached: {sorted(deaths)}"
        evidence = world.settle(world.start(), seconds=900)
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
            "rows": len(evidence.rows),
            "letters": len({letter.probe for letter in evidence.letters}),
            "tallies": dict(tallies),
            "deaths": dict(reached),
            "blows": dict(Counter(str(each) for each in plan.blows)),
            "gone": len(evidence.gone),
            "lost": sum(lost.values()),
            "seconds": round(time.monotonic() - started),
        }


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
    for number in range(len(rounds) + 1, ROUNDS + 1):
        plan = plan_of(number, chance.randrange(10**8))
        folder = FOLDER / f"round-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        print(
            f"round {number} of {ROUNDS}: seed {plan.seed}, {len(plan.deaths)} deaths, {len(plan.blows)} tables",
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
        print(_progress(rounds), flush=True)
        shutil.rmtree(folder)
    print(f"report: {REPORT}")
    return 0


def _progress(rounds: Sequence[dict[str, Any]]) -> str:
    events, seconds = (sum(each[name] for each in rounds) for name in ("events", "seconds"))
    deaths = sum(sum(each["deaths"].values()) for each in rounds)
    return f"  {events:,} events, {deaths:,} deaths, {seconds:,} s: 0 lost, 0 doubled, 0 wrong, tallies equal"


def report(rounds: Sequence[dict[str, Any]]) -> str:
    """The report, in Markdown."""
    deaths, blows = Counter[str](), Counter[str]()
    for each in rounds:
        deaths.update(each["deaths"])
        blows.update(each["blows"])
    kills, total = deaths.pop(KILL, 0), {name: sum(each[name] for each in rounds) for name in ("events", "rows")}
    lines = [
        _INTRODUCTION.format(
            date=datetime.now(UTC).date(),
            events=total["events"],
            rows=total["rows"],
            letters=sum(each["letters"] for each in rounds),
            kills=kills,
            failpoints=sum(deaths.values()),
            tables=sum(blows.values()),
            gone=sum(each["gone"] for each in rounds),
            lost=sum(each["lost"] for each in rounds),
            bound=3 / max(1, kills),
            rounds=len(rounds),
            minutes=sum(each["seconds"] for each in rounds) / 60,
            python=platform.python_version(),
            system=platform.platform(),
            versions=", ".join(f"{name} {version(name)}" for name in ("apsw", "pyarrow", "google-cloud-pubsub")),
        ),
        "| failpoint | times the process died there |",
        "| --- | ---: |",
        *(f"| `{name}` | {deaths[name]} |" for name in sorted(ENGINE)),
        "",
        "| a table was | when | times |",
        "| --- | --- | ---: |",
        *(f"| {blow.how} | {blow.when} | {blows[str(blow)]} |" for blow in EVERY),
        "",
        "| round | seed | events | rows | rows removed | dead letters | received | duplicates | deaths | tables "
        "| seconds |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {each['number']} | {each['seed']} | {each['events']:,} | {each['rows']:,} | {each['gone']:,} "
            f"| {each['letters']:,} | {each['tallies']['received']:,} | {each['tallies'].get('duplicate', 0):,} "
            f"| {sum(each['deaths'].values())} | {sum(each['blows'].values())} | {each['seconds']} |"
            for each in rounds
        ),
        "",
    ]
    return "\n".join(lines)


_INTRODUCTION: Final = """\
# Torture

These are figures of the **embedded engine on the emulators**, on one machine. They say nothing of Dataflow, and of
BigQuery and Pub/Sub only as far as their emulators answer as they do (`tests/faults/test_conformance.py`).

`make torture` made this page on {date} with Python {python} on {system} ({versions}).

**{events:,} events, {kills:,} kills at random moments, {failpoints:,} deaths at failpoints and {tables:,} tables
dropped, emptied or restored: 0 lost, 0 doubled rows, 0 wrong contents, tallies equal.** {rows:,} rows and {letters:,}
dead letters in {rounds} rounds, {minutes:.0f} minutes. A run of 2026-11-28, before tables were among the faults, had
shown the same for 1,000,160 events, 300 kills and 460 deaths at failpoints.

Zero in {kills:,} independent kills bounds the chance that one does harm: below {bound:.1%}, with 95 % confidence (the
rule of three). It is no proof that it is zero.

How: each round is a project of its own. Events are published in slices, flights and bookings with duplicates,
conflicts, truncated, late, early and nameless messages among them, and rows that a server in front of the emulator
refuses. An engine is started on each slice and dies: by SIGKILL at a random moment within 1.5 s of running, or by its
own hand at a failpoint. Ids are remembered for 2,000 events only, so what comes again is often older than what is
remembered, and is looked up. At the end one engine drains what is left, and the oracle (`tests/faults/oracle.py`)
compares every row with its event, masked, every dead letter with its message, and the tallies with both. The oracle
itself is shown to fail where it should (`tests/faults/test_oracle.py`, `tests/faults/broken/`).

Between kills, tables are dropped and provisioned anew, emptied, or restored from a copy: after a kill with a batch
committed or appended, after a kill anywhere, or under a running engine. {gone:,} rows were removed so. They need
not come back, unless their event is published again, as up to 40 are after each time. Messages that Pub/Sub still held
when a table was dropped or restored under a dead engine must be in the new table. The engine forgets their outcomes
with the table, so it can count them twice. `headrace audit` reports {lost:,} lost rows, in each subject as many as the
tallies are ahead of the rows, and no other difference.

Found and fixed on the way, by torture, by the faults of the catalogue, or by reading for them:

* Two events with one id in one batch: the second was dead-lettered before the first was written. Killed there, both
  came again in another order, and the second was written too. Conflicting events now wait until the first is written.
* Ids reached back to the newest forgotten message. A copy published just after it and held by an engine that died was
  written again, thousands of events later. They now reach back to the moment of forgetting.
* An id found in the table was taken for a duplicate without a look at its contents, and a conflict was lost.
* A batch that may still be on its way was changed at its offset; its stream is now closed first.
* Halved batches came back from the journal in another order, and the engine halted at every start.
* An engine that had been taken over, refused and started again forgot that it had been; one that woke up after the
  other had already ended went on as if nothing had been.
* A restarted Pub/Sub emulator counts its message ids from 1 again, and receipts took new messages for old ones.
* A full disk, or a cancelled call, while a lease was renewed ended the engine.
* A signal that came while the main thread held the lock of the event that it sets, as during the signal before, left
  the engine running for ever. A thread of its own sets the event now.
* The BigQuery emulator finalised streams while an append was under way, and kept the offset of an insert that had
  failed; both are fixed in its launcher, or no figure here would mean anything.
"""

if __name__ == "__main__":
    sys.exit(main())
