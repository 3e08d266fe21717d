"""One scenario's world: a project of its own, what is published into it, the engine as a process, and the evidence."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import PubsubMessage, Subscription, UpdateSubscriptionRequest

from headrace.core.dead_letter import PREFIX
from headrace.core.outcome import ARRIVED
from headrace.core.resource_names import ENGINES, TALLIES, Names
from headrace.dev.emulators import free_ports
from headrace.provision import Clients, apply, plan
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from tests.faults.engine import Engine
from tests.faults.expected import normal_row
from tests.faults.mix import PROBE, Message, Mix, digest
from tests.faults.oracle import Check, Evidence, Letter, Row, Sent, judge
from tests.faults.places import Places
from tests.support.paths import ROOT

KEY: Final = bytes(range(32))
ACK_SECONDS: Final = 10  # the shortest Pub/Sub allows: what a killed engine held comes again after it
QUIET_SECONDS: Final = 25.0  # nothing moved for so long: the run is over, well or not
_SCAN_SECONDS: Final = 240.0
_COLLECT_SECONDS: Final = 10.0
_PULL_SECONDS: Final = 2.5  # the emulator answers a pull that finds nothing a second before
_REQUEST: Final = 200
_ACK_IDS: Final = 1_000  # of one request, which may have 512 KiB


@dataclass
class World:
    """A provisioned project on the emulators at *places*; the engine is pointed at *route*, which may lead through
    proxies."""

    folder: Path
    seed: int
    project: str
    places: Places
    registry: Registry = field(default_factory=lambda: Registry.load(SAMPLES))
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.route = self.places
        self.names = Names(self.project)
        self.mix = Mix(self.seed, datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0), KEY)
        self.publisher, self.subscriber = self.places.publisher(), self.places.subscriber()
        self.bigquery = self.places.bigquery(self.project)
        self.sent: list[Sent] = []
        self.letters: list[Letter] = []
        self.engines: list[Engine] = []
        self.gone: list[Row] = []
        self.excused: set[str] = set()
        self.unacknowledged = Counter[str]()
        self.undecided = Counter[str]()
        self.killed_at: float | None = None

    # Before.

    def provision(self) -> None:
        """Make everything, with leases as short as they may be."""
        apply(plan(self.registry, self.names, "EU", Clients(self.publisher, self.subscriber, self.bigquery)))
        for subject in self.registry.subjects:
            self.shorten_leases(self.names.subscription(subject))

    def shorten_leases(self, subscription: str) -> None:
        changed = Subscription(name=subscription, ack_deadline_seconds=ACK_SECONDS)
        mask = FieldMask(paths=["ack_deadline_seconds"])
        self.subscriber.update_subscription(request=UpdateSubscriptionRequest(subscription=changed, update_mask=mask))

    def take_dead_letters_away(self) -> None:
        """Delete the dead-letter topic; ``provision`` brings it back."""
        self.subscriber.delete_subscription(subscription=self.names.dead_letter_subscription)
        self.publisher.delete_topic(topic=self.names.dead_letter_topic)

    def publish(self, messages: Sequence[Message]) -> list[Message]:
        """Publish; what is not confirmed may be there or not, and is returned."""
        by_subject: dict[str, list[Message]] = {}
        for message in messages:
            by_subject.setdefault(message.sent.subject, []).append(message)
        requests = [
            (subject, of_it[start : start + _REQUEST])
            for subject, of_it in by_subject.items()
            for start in range(0, len(of_it), _REQUEST)
        ]
        return [each for subject, request in requests if not self._publish(subject, request) for each in request]

    def _publish(self, subject: str, messages: Sequence[Message]) -> bool:
        wire = [PubsubMessage(data=message.data, attributes=message.attributes) for message in messages]
        try:
            self.publisher.publish(topic=self.names.topic(subject), messages=wire, retry=None, timeout=20)
        except GoogleAPICallError:
            self.sent += [replace(message.sent, indeterminate=True) for message in messages]
            return False
        self.sent += [message.sent for message in messages]
        return True

    @property
    def environment(self) -> dict[str, str]:
        """For processes other than the engine."""
        return {**os.environ, "PYTHONPATH": str(ROOT), "HEADRACE_CONTRACTS": str(SAMPLES)}

    # The engine.

    def start(
        self, crash_at: str | None = None, load: Sequence[str] = (), wait: bool = True, **settings: str
    ) -> Engine:
        """Start ``headrace run``; with *wait*, return when it runs, or has ended."""
        environment = {
            **self.route.environment,
            "HEADRACE_CONTRACTS": str(SAMPLES),
            "HEADRACE_JOURNAL": str(self.folder / "journal"),
            "HEADRACE_APPEND_SECONDS": "2",
            "HEADRACE_LEASE_SECONDS": "2",
            "HEADRACE_ROUND_MESSAGES": "100",
            "HEADRACE_LOG_FORMAT": "text",
            "HEADRACE_HEALTH": f"127.0.0.1:{free_ports(1)[0]}",
            **({"HEADRACE_CRASH_AT": crash_at} if crash_at else {}),
            **{f"HEADRACE_{name.upper()}": value for name, value in (self.settings | settings).items()},
        }
        engine = Engine(self.folder, self.project, KEY, environment, load, len(self.engines) + 1)
        self.engines.append(engine)
        if wait:
            engine.wait_until_running()
        return engine

    def kill(self, engine: Engine) -> None:
        """SIGKILL."""
        engine.kill()
        self.mourn()

    def mourn(self) -> None:
        """Note that an engine has ended just now without giving back what it held."""
        self.killed_at = time.monotonic()

    def crash(self, crash_at: str, load: Sequence[str] = (), **settings: str) -> Engine:
        """Run an engine until it kills itself at *crash_at* (``name:nth``)."""
        engine = self.start(crash_at, load, wait=False, **settings)
        assert engine.wait() == -9, f"the engine did not come to {crash_at}; {engine.tail()}"
        self.mourn()
        return engine

    def settle(
        self, engine: Engine, seconds: float = 90, quiet: float = QUIET_SECONDS, all_confirmed: bool = True
    ) -> Evidence:
        """Wait until all is counted, or nothing moves any more for *quiet* seconds after a message has been counted;
        drain the engine; give the evidence at rest.

        Counts do not show that all is done where some messages count twice, or not *all_confirmed* are there.
        """
        deadline, seen, moved = time.monotonic() + seconds, None, time.monotonic()
        counts_show = all_confirmed and not self.unacknowledged
        while time.monotonic() < deadline and not (counts_show and self.is_settled()):
            assert engine.is_alive, f"the engine ended with code {engine.wait()}; {engine.tail()}"
            now = self.tallied()
            if now != seen:
                seen, moved = now, time.monotonic()
            if _received(now) and time.monotonic() - moved > quiet:
                break
            threading.Event().wait(0.25)
        self.wait_for_redelivery()
        code = engine.drain()
        assert code == 0, f"the engine ended with code {code}; {engine.tail()}"
        return self.evidence()

    def owed(self) -> Evidence:
        """The evidence while no engine runs, once Pub/Sub has taken back what the dead one held."""
        self.wait_for_redelivery()
        return self.evidence(at_rest=False)

    def is_settled(self) -> bool:
        """Whether every message has been counted as received, and under what became of it."""
        tallied = self.tallied()
        received = _received(tallied)
        return received >= sum(not each.indeterminate for each in self.sent) and sum(tallied.values()) == 2 * received

    def received(self) -> int:
        """How many messages have been counted as received."""
        return _received(self.tallied())

    def wait_for_redelivery(self) -> None:
        """What a killed engine held and had done already comes again, and is to be acknowledged by the next."""
        if self.killed_at is not None:
            threading.Event().wait(max(0.0, self.killed_at + ACK_SECONDS + 2.0 - time.monotonic()))

    # After.

    def check(self, evidence: Evidence, but: Sequence[Check] = ()) -> None:
        """Fail with every violation that the oracle finds, *but* those, and with what it takes to see it again."""
        violations = [each for each in judge(evidence) if each.check not in but]
        again = f"FAULTS_SEED={self.seed}; engine's log: {self.engines[-1].log if self.engines else 'none'}"
        details = "\n".join(f"  {each.check}: {each.detail}" for each in violations[:20])
        assert not violations, f"{len(violations)} violations ({again})\n{details}"

    def evidence(self, at_rest: bool = True) -> Evidence:
        """Everything there is to see from outside; no engine may be running."""
        with ThreadPoolExecutor() as threads:
            pending = threads.map(self.held, self.registry.subjects)
            self.letters += threads.submit(self._letters).result()
            probes = frozenset(probe for found in pending for probe in found)
        return Evidence(
            sent=self.sent,
            rows=[row for subject in self.registry.subjects for row in self.rows(subject)],
            letters=self.letters,
            pending=probes,
            tallies=self.tallied(),
            at_rest=at_rest,
            letters_may_repeat=self.killed_at is not None,
            gone=self.gone,
            excused=frozenset(self.excused),
            unacknowledged=self.unacknowledged,
            undecided=self.undecided,
            numbers={subject: self.numbers(subject) for subject in self.registry.subjects},
        )

    def removing_rows(self, subject: str, but: Collection[str] = ()) -> None:
        """Note the rows that *subject*'s table has now, *but* for these ids: they are about to be removed."""
        gone = [row for row in self.rows(subject) if row.event_id not in but]
        self.gone += gone
        ids = {row.event_id for row in gone}
        self.excused |= {each.probe for each in self.sent if each.subject == subject and each.event_id in ids}

    def removing_rows_at_work(self, subject: str, but: Collection[str] = (), owed: bool = False) -> set[str]:
        """The same while messages are on their way: no engine may be running, or it is paused. Returns the ids.

        Pub/Sub says which messages it still holds, once it has taken back what the engine had. *owed*: the next engine
        is sure to see that the table is another one, so these messages are owed their rows in it.
        """
        self.wait_for_redelivery()
        held = Counter(self.held(subject))
        before, known = len(self.gone), set(self.excused)
        self.removing_rows(subject, but)
        ids = {row.event_id for row in self.gone[before:]}
        of_held = {each.event_id for each in self.sent if each.probe in held}
        self.unacknowledged.update(held.keys())
        self.undecided[subject] += len(ids & of_held)
        if owed:
            self.excused -= held.keys() - known
        return {each for each in ids if each is not None}

    def rows(self, subject: str) -> Iterator[Row]:
        """What a subject's table holds."""
        table = self.names.sql(self.registry.latest(subject).options.table)
        for row in self.query(f"SELECT * FROM {table}"):
            values = normal_row({name: value for name, value in row.items() if name != "_ingested_at"})
            yield Row(subject, values["_event_id"], values)

    def count(self, subject: str) -> int:
        """How many rows a subject's table has."""
        table = self.names.sql(self.registry.latest(subject).options.table)
        (row,) = self.query(f"SELECT COUNT(*) AS n FROM {table}")
        return int(row["n"])

    def announced_streams(self) -> list[str]:
        """The streams that the engine says it appends to."""
        query = f"SELECT streams FROM {self.names.sql(ENGINES)} ORDER BY stated_at DESC LIMIT 1"
        return list(self.query(query)[0]["streams"])

    def tallied(self) -> dict[tuple[str, str, str | None], int]:
        """The counts in the table of tallies."""
        query = f"""
            SELECT subject, outcome, reason, SUM(events) AS events
            FROM {self.names.sql(TALLIES)}
            WHERE outcome != '{ARRIVED}'
            GROUP BY 1, 2, 3
        """
        return {(row["subject"], row["outcome"], row["reason"]): row["events"] for row in self.query(query)}

    def numbers(self, subject: str) -> frozenset[int]:
        """The numbers of a subject's messages that arrived, by the table of tallies."""
        query = f"""
            SELECT DISTINCT each.first_number, each.last_number
            FROM {self.names.sql(TALLIES)} AS line, UNNEST(line.sequences) AS each
            WHERE line.subject = '{subject}'
        """
        ranges = [range(row["first_number"], row["last_number"] + 1) for row in self.query(query)]
        return frozenset(number for each in ranges for number in each)

    def query(self, query: str) -> list[dict[str, Any]]:
        return [dict(row.items()) for row in self.bigquery.query_and_wait(query)]

    def collect_letters(self) -> None:
        """Take what the dead-letter topic holds; an emulator of Pub/Sub that is killed loses it.

        While an engine publishes letters as fast as they are pulled, take those of some seconds.
        """
        self.letters += self._letters(_COLLECT_SECONDS)

    def held(self, subject: str) -> list[str]:
        """The probes of the messages that Pub/Sub has for *subject* and that no engine holds."""
        pulled = self._pull_all(self.names.subscription(subject), acknowledge=False)
        return [message.attributes[PROBE] for message in pulled]

    def _letters(self, seconds: float = _SCAN_SECONDS) -> list[Letter]:
        pulled = self._pull_all(self.names.dead_letter_subscription, acknowledge=True, seconds=seconds)
        return [
            Letter(attributes.get(PROBE, "?"), digest(data), attributes[f"{PREFIX}reason"])
            for attributes, data in _whole(pulled)
        ]

    def _pull_all(
        self, subscription: str, acknowledge: bool, seconds: float = _SCAN_SECONDS
    ) -> Iterable[PubsubMessage]:
        found: list[PubsubMessage] = []
        held: list[str] = []
        deadline = time.monotonic() + seconds
        while True:
            if time.monotonic() > deadline:
                assert seconds < _SCAN_SECONDS, f"{subscription}: no scan of it came to an end"
                return found
            try:
                response = self.subscriber.pull(
                    subscription=subscription, max_messages=1000, timeout=_PULL_SECONDS, retry=None
                )
            except DeadlineExceeded:  # of a busy machine: what it took comes again when its lease has run out
                threading.Event().wait(ACK_SECONDS + 1.0)
                found, held = (found if acknowledge else []), []  # and so has that of what was taken before
                continue
            if not response.received_messages:
                break
            ids = [each.ack_id for each in response.received_messages]
            held += ids
            if ids and acknowledge:
                self.subscriber.acknowledge(subscription=subscription, ack_ids=ids)
            found += [each.message for each in response.received_messages]
        for start in range(0, 0 if acknowledge else len(held), _ACK_IDS):  # nobody was here
            ids = held[start : start + _ACK_IDS]
            self.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ids, ack_deadline_seconds=0)
        return found


def _received(tallied: Mapping[tuple[str, str, str | None], int]) -> int:
    return sum(count for (_, outcome, _), count in tallied.items() if outcome == "received")


def _whole(pulled: Iterable[PubsubMessage]) -> Iterator[tuple[Mapping[str, str], bytes]]:
    """Attributes and bytes of each letter; one that is too large for a message comes in pieces."""
    in_pieces: dict[str, dict[int, PubsubMessage]] = {}
    for each in pulled:
        number, _, count = each.attributes.get(f"{PREFIX}piece", "1/1").partition("/")
        if count == "1":
            yield each.attributes, each.data
        else:
            in_pieces.setdefault(each.attributes[f"{PREFIX}id"], {})[int(number)] = each
    for pieces in in_pieces.values():
        yield pieces[min(pieces)].attributes, b"".join(pieces[number].data for number in sorted(pieces))


@contextmanager
def a_world(folder: Path, seed: int, project: str, places: Places, **settings: str) -> Iterator[World]:
    """A provisioned world; every engine that still runs at the end is killed."""
    world = World(folder, seed, project, places, settings=settings)
    world.provision()
    try:
        yield world
    finally:
        for engine in world.engines:
            engine.kill()


def until(condition: Callable[[], bool], engine: Engine, seconds: float = 60) -> None:
    """Wait for a condition while *engine* lives."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert engine.is_alive, f"the engine ended with code {engine.wait()}; {engine.tail()}"
        assert time.monotonic() < deadline, f"it did not come in {seconds:.0f} s; {engine.tail()}"
        threading.Event().wait(0.1)
