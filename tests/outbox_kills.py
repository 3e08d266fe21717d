"""Producers with an outbox that are killed at random moments, while the broker is down half of the time.

    python -m tests.outbox_kills --kills 300 [--seed N] [--table]
    python -m tests.outbox_kills --kills 100 --transactional

Two processes at a time publish durable events into one file, and send from it. Each is killed with SIGKILL after a
random time, and another one takes its place. At the end, what is left is sent. Every event whose ``publish`` returned
must have arrived: at a subscription, or with ``--table`` once in the table that the job writes meanwhile. The numbers
of each process have no gap: an event that was not accepted had the last one.

With ``--transactional``, one process commits events in a PostgreSQL server, every third transaction is rolled back, and
another process relays. Every event whose commit returned must have arrived, and none that was rolled back.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import random
import signal
import sqlite3
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from headrace.dev.pubsub_services import PubsubService
from headrace.producers import EventProducer, PubSubPublisher
from headrace.producers.outbox import Outbox
from headrace.producers.outbox.relay import Relay, open_database
from headrace.producers.outbox.transactional import OutboxTables, TransactionalOutbox
from headrace.producers.testing import FakePublisher
from headrace.runtime.google_clients import PUBSUB
from tests.faults.servers import PubSub, a_pubsub
from tests.outbox_arrivals import PROJECT, SUBJECT, Arrivals, at_a_subscription, in_the_table
from tests.support.builders import PACKAGE, a_flight
from tests.support.databases import a_postgresql
from tests.support.waiting import wait_until

ArrivalsAt: TypeAlias = Callable[[Path, PubSub], AbstractContextManager[Arrivals]]
START_SECONDS: Final = 120.0
LIVES_SECONDS: Final = 1.5
AWAY_SECONDS: Final = 3.0
SEND_SECONDS: Final = 120.0
_PAUSE: Final = threading.Event()


@dataclass(frozen=True)
class Result:
    """What was seen. *doubled* events arrived more than once: at a subscription they may, in the table never."""

    kills: int
    accepted: int
    lost: int
    doubled: int
    waiting_most: int
    rolled_back: int = 0
    wrong: int = 0  # rolled back, and arrived
    gaps: int = 0  # numbers that are missing below the last one of their epoch

    def __str__(self) -> str:
        parts = [
            f"{self.kills} kills; {self.accepted:,} events accepted, {self.lost:,} lost, {self.doubled:,} there twice",
            f"at most {self.waiting_most:,} waited after a kill",
            f"{self.rolled_back:,} rolled back, of which {self.wrong:,} arrived",
            f"{self.gaps:,} numbers missing",
        ]
        return "; ".join(parts)


def publish_for_ever(file: Path, accepted: Path, synchronous: str) -> None:
    """Publish, and write down the id of each event as soon as its publish has returned."""
    written = os.open(accepted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    outbox = Outbox(file, synchronous=synchronous)
    publisher = PubSubPublisher(PROJECT)
    producer = EventProducer(publisher, source="/kills", contracts=PACKAGE, outbox=outbox, sequence=True)
    while True:
        event_id = uuid.uuid4().hex
        producer.publish(SUBJECT, a_flight(), event_id=event_id)
        os.write(written, f"{event_id}\n".encode())
        _PAUSE.wait(0.001)


def commit_for_ever(url: str, accepted: Path, rolled_back: Path) -> None:
    """Write events in transactions, and write down the id of each as soon as its transaction has ended."""
    files = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for path in (accepted, rolled_back)]
    engine = open_database(url)
    outbox = TransactionalOutbox(source="/kills", contracts=PACKAGE)
    for number in itertools.count():
        event_id = uuid.uuid4().hex
        with engine.connect() as connection, connection.begin() as transaction:
            outbox.add(connection, SUBJECT, a_flight(), event_id=event_id)
            if number % 3 == 0:
                transaction.rollback()
        os.write(files[number % 3 == 0], f"{event_id}\n".encode())
        _PAUSE.wait(0.001)


def relay_for_ever(url: str) -> None:
    """Send what is committed."""
    Relay(open_database(url), PubSubPublisher(PROJECT)).run(lambda: False)


@dataclass(frozen=True)
class Parts:
    """The processes to kill in turn, how many messages wait, and how to send the rest."""

    targets: Sequence[tuple[Callable[..., None], tuple[Any, ...]]]
    waiting: Callable[[], int]
    send_the_rest: Callable[[], None]


def run(
    kills: int,
    seed: int,
    folder: Path,
    synchronous: str = "NORMAL",
    arrivals_at: ArrivalsAt = at_a_subscription,
) -> Result:
    """Kill so many producers with an outbox file, and return what became of their events."""
    file, accepted = folder / "kills.outbox", folder / "accepted"
    target = publish_for_ever, (file, accepted, synchronous)
    parts = Parts([target, target], partial(_count, file), partial(_send_the_rest, file))
    return _run(kills, seed, folder, parts, arrivals_at)


def run_transactional(kills: int, seed: int, folder: Path, arrivals_at: ArrivalsAt = at_a_subscription) -> Result:
    """Kill so many applications and relays, and return what became of the events."""
    with a_postgresql() as url:
        engine = open_database(url)
        OutboxTables().create(engine)

        def waiting() -> int:
            return Relay(engine, FakePublisher()).result().left

        def send_the_rest() -> None:
            assert Relay(engine, PubSubPublisher(PROJECT)).send_all(SEND_SECONDS).left == 0

        application = commit_for_ever, (url, folder / "accepted", folder / "rolled-back")
        parts = Parts([application, (relay_for_ever, (url,))], waiting, send_the_rest)
        return _run(kills, seed, folder, parts, arrivals_at)


def _run(kills: int, seed: int, folder: Path, parts: Parts, arrivals_at: ArrivalsAt) -> Result:
    chance = random.Random(seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["google.cloud.pubsub_v1", "headrace.producers.outbox.relay", "tests.support.builders"]
    )
    waiting = 0
    with ExitStack() as stack:
        thread = stack.enter_context(ThreadPoolExecutor(1))
        server = stack.enter_context(a_pubsub(folder, PubsubService.BROKER))
        os.environ[PUBSUB] = server.address
        arrivals = stack.enter_context(arrivals_at(folder, server))
        over = threading.Event()
        outages = thread.submit(_come_and_go, server, random.Random(seed + 1), over)
        running = [_started(context, *each) for each in parts.targets]
        wait_until(lambda: bool(_ids(folder / "accepted")), START_SECONDS)
        for _ in range(kills):
            _PAUSE.wait(chance.uniform(0, LIVES_SECONDS))
            place = chance.randrange(len(running))
            _kill(running[place])
            waiting = max(waiting, parts.waiting())
            running[place] = _started(context, *parts.targets[place])
        for each in running:
            _kill(each)
        over.set()
        outages.result()
        parts.send_the_rest()
        wanted, unwanted = _ids(folder / "accepted"), _ids(folder / "rolled-back")
        arrived = arrivals.count(wanted)
    doubled = sum(count > 1 for count in arrived.times.values())
    lost, wrong = wanted - arrived.times.keys(), unwanted & arrived.times.keys()
    return Result(kills, len(wanted), len(lost), doubled, waiting, len(unwanted), len(wrong), arrived.gaps)


def _ids(file: Path) -> set[str]:
    return set(file.read_text().split()) if file.exists() else set()


def _started(context: Any, target: Callable[..., None], arguments: tuple[Any, ...]) -> Any:
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


def _kill(process: Any) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def _come_and_go(server: PubSub, chance: random.Random, over: threading.Event) -> None:
    """Kill the broker and start it again: it is away half of the time."""
    while not over.wait(chance.uniform(0, AWAY_SECONDS)):
        server.kill()
        over.wait(chance.uniform(0, AWAY_SECONDS))
        server.start()


def _count(file: Path) -> int:
    if not file.exists():
        return 0
    connection = sqlite3.connect(file)
    try:
        return int(connection.execute("SELECT count(*) FROM messages").fetchone()[0])
    except sqlite3.OperationalError:  # the first process was killed before it made the tables
        return 0
    finally:
        connection.close()


def _send_the_rest(file: Path) -> None:
    publisher = PubSubPublisher(PROJECT)
    outbox = Outbox(file)
    outbox.start(publisher)
    deadline = time.monotonic() + SEND_SECONDS
    while _count(file):
        assert time.monotonic() < deadline, "what is left is not sent"
        _PAUSE.wait(0.1)
    publisher.close()
    assert outbox.close() == 0


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill producers that have an outbox, and count what arrives.")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous", choices=["FULL", "NORMAL"], default="NORMAL")
    parser.add_argument("--transactional", action="store_true")
    parser.add_argument("--table", action="store_true", help="count the rows of a job instead of messages")
    given = parser.parse_args()
    arrivals_at = in_the_table if given.table else at_a_subscription
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        if given.transactional:
            result = run_transactional(given.kills, given.seed, Path(folder), arrivals_at)
        else:
            result = run(given.kills, given.seed, Path(folder), given.synchronous, arrivals_at)
        print(f"seed {given.seed}: {result}; {time.monotonic() - started:.0f} s")
    is_wrong = result.lost or result.wrong or result.gaps or (given.table and result.doubled)
    raise SystemExit(1 if is_wrong else 0)


if __name__ == "__main__":
    main()
