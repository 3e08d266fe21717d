"""Where events of an outbox arrive, and how often each does: a subscription, or the table that the job writes."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import PublisherClient, SubscriberClient

from headrace.audit.missing_numbers import missing_numbers
from headrace.audit.scope import Scope
from headrace.core.resource_names import Names
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from headrace.schemas.sequence import ATTRIBUTE, SequenceNumber
from tests.faults.engine import Engine
from tests.faults.places import Places
from tests.faults.servers import PubSub, a_bigquery
from tests.faults.world import World

PROJECT: Final = "outbox-kills"
SUBJECT: Final = "flight_departed"
PULL_SECONDS: Final = 5.0
EMPTY_PULLS: Final = 4
QUIET_SECONDS: Final = 30.0  # without a new row: what has not arrived by then is lost
_PAUSE: Final = threading.Event()


class Arrived(NamedTuple):
    """How many *times* each event arrived, and the *gaps*: numbers that are missing below the last of their epoch."""

    times: Counter[str]
    gaps: int


class Arrivals(Protocol):
    """What arrives."""

    def count(self, wanted: set[str]) -> Arrived:
        """What arrived, once all *wanted* events have, or nothing arrives any more."""


@contextmanager
def at_a_subscription(folder: Path, server: PubSub) -> Iterator[Arrivals]:
    """A subscription, where an event that was sent twice arrives twice."""
    names = Names(PROJECT)
    PublisherClient().create_topic(name=names.topic(SUBJECT))
    SubscriberClient().create_subscription(name=names.subscription(SUBJECT), topic=names.topic(SUBJECT))
    yield _Subscription(names.subscription(SUBJECT))


class _Subscription:
    def __init__(self, name: str) -> None:
        self._name = name

    def count(self, wanted: set[str]) -> Arrived:
        subscriber = SubscriberClient()
        arrived: Counter[str] = Counter()
        numbers = defaultdict[str, set[int]](set)
        empty = 0
        while empty < (1 if wanted <= arrived.keys() else EMPTY_PULLS):
            try:
                received = subscriber.pull(
                    subscription=self._name, max_messages=1000, timeout=PULL_SECONDS
                ).received_messages
            except DeadlineExceeded:
                received = []
            empty = 0 if received else empty + 1
            arrived.update(each.message.attributes["ce-id"] for each in received)
            for each in received:
                sequence = SequenceNumber.parse(each.message.attributes.get(ATTRIBUTE, ""))
                if sequence is not None:
                    numbers[sequence.epoch].add(sequence.number)
            if received:
                subscriber.acknowledge(subscription=self._name, ack_ids=[each.ack_id for each in received])
        return Arrived(arrived, sum(max(found) - len(found) for found in numbers.values()))


@contextmanager
def in_the_table(folder: Path, server: PubSub) -> Iterator[Arrivals]:
    """The table of a job that runs all the time, where each event has one row."""
    contracts = folder / "contracts"
    contracts.mkdir()
    for file in SAMPLES.glob(f"{SUBJECT}*"):
        shutil.copy(file, contracts)
    with a_bigquery(folder) as bigquery:
        world = World(
            folder,
            0,
            PROJECT,
            Places(server.address, bigquery.rest, bigquery.grpc),
            Registry.load(contracts),
            {"contracts": str(contracts)},
        )
        world.provision()
        engine = world.start()
        try:
            yield _Table(world, engine)
        finally:
            engine.drain()


class _Table:
    def __init__(self, world: World, engine: Engine) -> None:
        self._world, self._engine = world, engine

    def count(self, wanted: set[str]) -> Arrived:
        rows, since = 0, time.monotonic()
        while rows < len(wanted) and time.monotonic() - since < QUIET_SECONDS:
            assert self._engine.is_alive, self._engine.tail()
            _PAUSE.wait(1.0)
            if (now := self._world.count(SUBJECT)) != rows:
                rows, since = now, time.monotonic()
        code = self._engine.drain()  # a row that came twice would come by then
        assert code == 0, f"the engine ended with code {code}; {self._engine.tail()}"
        return Arrived(Counter(row.event_id or "" for row in self._world.rows(SUBJECT)), self._gaps())

    def _gaps(self) -> int:
        """The missing events that the audit finds."""
        scope = Scope(time.time_ns() // 1_000, timedelta(hours=1), sequences=True)
        missing = missing_numbers(SUBJECT, None, scope, self._world.names, self._world.bigquery)
        return sum(each.events for each in missing)
