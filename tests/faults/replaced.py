"""What torture does to tables: dropped and recreated, emptied, or restored, while events are on their way to them.

Each blow leaves no engine running, and publishes some of the events again whose rows it removed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.engine import Engine
from tests.faults.mix import Message
from tests.faults.oracle import WRITTEN, Evidence
from tests.faults.world import World

SUBJECTS: Final = ("flight_departed", "flight_departed", "booking_created")
HOW: Final = ("dropped", "emptied", "restored")
WHEN: Final = ("a batch committed", "a batch appended", "killed anywhere", "engine running")
AGAIN: Final = 40
_FAILPOINTS: Final = {"a batch committed": "committed", "a batch appended": "appended"}
_PAUSE: Final = threading.Event()


@dataclass(frozen=True, slots=True)
class Blow:
    """One of *how*, at a moment of *when*."""

    how: str
    when: str

    def __str__(self) -> str:
        return f"{self.how}, {self.when}"


EVERY: Final = tuple(Blow(how, when) for how in HOW for when in WHEN)


class Tables:
    """The tables of one world, and what was published to them."""

    def __init__(self, world: World, die: Callable[[World, str], bool]) -> None:
        self._world = world
        self._die = die
        self._unique: dict[tuple[str, str], Message] = {}

    def published(self, messages: Sequence[Message]) -> None:
        """Remember what can be published again: events without a conflict."""
        ids = Counter((each.sent.subject, each.sent.event_id) for each in messages)
        for each in messages:
            key = each.sent.subject, each.sent.event_id or ""
            if each.sent.outcome == WRITTEN and ids[key] == 1:
                self._unique[key] = each

    def strike(self, blow: Blow, more: Callable[[], None]) -> None:
        """Do *blow*; *more* publishes the next events."""
        world, chance = self._world, self._world.mix.chance
        subject = chance.choice(SUBJECTS)
        table = world.names.sql(world.registry.latest(subject).options.table).strip("`")
        kept = f"{table}_kept_{len(world.engines)}" if blow.how == "restored" else ""
        if kept:
            world.query(f"CREATE TABLE `{kept}` AS SELECT * FROM `{table}`")
            self._die(world, "kill -9")
        more()
        engine = self._reach(blow.when)
        copied = {row["_event_id"] for row in world.query(f"SELECT _event_id FROM `{kept}`")} if kept else set()
        owed = engine is None and blow.how != "emptied"
        gone = world.removing_rows_at_work(subject, copied, owed)
        if blow.how == "emptied":
            world.query(f"TRUNCATE TABLE `{table}`")
        else:
            world.bigquery.delete_table(table)
            world.provision()
        if kept:
            world.query(f"INSERT INTO `{table}` SELECT * FROM `{kept}`")
            world.bigquery.delete_table(kept)
        if engine is not None:
            engine.resume()
            _PAUSE.wait(chance.uniform(0, 15))
            world.kill(engine)
            copied = set()  # it may have seen the table, and looks up what was published before then (docs/state.md)
        self._publish_again(subject, gone)
        self._publish_again(subject, copied)

    def _reach(self, when: str) -> Engine | None:
        """Have an engine killed, or give one that is paused and holds no message that Pub/Sub would not name."""
        world = self._world
        if when != "engine running":
            self._die(world, _FAILPOINTS.get(when, "kill -9"))
            return None
        engine = world.start()
        _PAUSE.wait(world.mix.chance.uniform(0, 1.5))
        engine.pause()
        world.mourn()  # what it holds is taken back; then its open pull is answered, and what that took as well
        world.wait_for_redelivery()
        world.mourn()
        return engine

    def _publish_again(self, subject: str, ids: set[str]) -> None:
        found = [self._unique[subject, each] for each in sorted(ids) if (subject, each) in self._unique]
        chosen = self._world.mix.chance.sample(found, min(len(found), AGAIN))
        self._world.publish([self._world.mix.again(each) for each in chosen])


def audited(world: World, evidence: Evidence) -> dict[str, int]:
    """What ``headrace audit`` calls lost, by subject: what was written and is not there, and nothing else is wrong."""
    arguments = [sys.executable, "-m", "headrace", "audit", "--project", world.project, "--json", "--grace", "0s"]
    environment = {**world.environment, **world.places.environment}
    done = subprocess.run(arguments, env=environment, cwd=world.folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), f"audit ended with code {done.returncode}: {done.stderr[-2000:]}"
    found = {each["subject"]: each["found"] for each in json.loads(done.stdout)["subjects"]}
    written = Counter[str]()
    for (subject, outcome, _), count in evidence.tallies.items():
        written[subject] += count if outcome == "written" else 0
    rows, gone = Counter(each.subject for each in evidence.rows), Counter(each.subject for each in evidence.gone)
    lost: dict[str, int] = {}
    for subject, kinds in found.items():
        lost[subject] = kinds.pop("lost", {}).get("events", 0)
        assert not kinds, f"the audit finds more than lost rows in {subject}: {kinds}"
        expected = written[subject] - rows[subject]
        assert lost[subject] == expected, f"{subject}: the audit says {lost[subject]} lost, {expected} are"
        undecided = evidence.undecided.get(subject, 0)
        assert 0 <= gone[subject] - lost[subject] <= undecided, f"{subject}: {lost[subject]} lost, {gone[subject]} gone"
    return lost
