"""Producers with an outbox that are killed at random moments, while the broker is down half of the time.

    python -m tests.outbox_kills --kills 300 [--seed N]

Two processes at a time publish durable events into one file, and send from it. Each is killed with SIGKILL after a
random time, and another one takes its place. At the end, what is left is sent. Every event whose ``publish`` returned
must have arrived.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sqlite3
import tempfile
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import PublisherClient, SubscriberClient

from headrace.dev.pubsub_services import PubsubService
from headrace.producers import EventProducer, PubSubPublisher
from headrace.producers.outbox import Outbox
from headrace.runtime.google_clients import PUBSUB
from tests.faults.servers import PubSub, a_pubsub
from tests.support.builders import PACKAGE, a_flight

PROJECT: Final = "outbox-kills"
SUBJECT: Final = "flight_departed"
TOPIC: Final = f"projects/{PROJECT}/topics/{SUBJECT}"
SUBSCRIPTION: Final = f"projects/{PROJECT}/subscriptions/{SUBJECT}"
LIVES_SECONDS: Final = 1.5
AWAY_SECONDS: Final = 3.0
SEND_SECONDS: Final = 120.0
PULL_SECONDS: Final = 5.0
EMPTY_PULLS: Final = 4
_PAUSE: Final = threading.Event()


@dataclass(frozen=True)
class Result:
    """What was seen. *doubled* messages arrived more than once, which the job's deduplication removes."""

    kills: int
    accepted: int
    lost: int
    doubled: int
    waiting_most: int

    def __str__(self) -> str:
        return (
            f"{self.kills} kills; {self.accepted:,} events accepted, {self.lost:,} lost, {self.doubled:,} sent twice; "
            f"at most {self.waiting_most:,} waited after a kill"
        )


def publish_for_ever(file: Path, accepted: Path, synchronous: str) -> None:
    """Publish, and write down the id of each event as soon as its publish has returned."""
    written = os.open(accepted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    outbox = Outbox(file, synchronous=synchronous)
    producer = EventProducer(PubSubPublisher(PROJECT), source="/kills", registry=PACKAGE, outbox=outbox)
    while True:
        event_id = uuid.uuid4().hex
        producer.publish(SUBJECT, a_flight(), event_id=event_id)
        os.write(written, f"{event_id}\n".encode())
        _PAUSE.wait(0.001)


def run(kills: int, seed: int, folder: Path, synchronous: str = "NORMAL") -> Result:
    """Kill so many processes, and return what became of their events."""
    chance = random.Random(seed)
    file, accepted = folder / "kills.outbox", folder / "accepted"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["google.cloud.pubsub_v1", "headrace.producers.outbox", "tests.support.builders"])
    waiting = 0
    with ThreadPoolExecutor(1) as thread, a_pubsub(folder, PubsubService.BROKER) as server:
        os.environ[PUBSUB] = server.address
        _create()
        over = threading.Event()
        outages = thread.submit(_come_and_go, server, random.Random(seed + 1), over)
        arguments = (file, accepted, synchronous)
        producers = [_started(context, *arguments) for _ in range(2)]
        for _ in range(kills):
            _PAUSE.wait(chance.uniform(0, LIVES_SECONDS))
            victim = producers.pop(chance.randrange(2))
            _kill(victim)
            waiting = max(waiting, _count(file))
            producers.append(_started(context, *arguments))
        for each in producers:
            _kill(each)
        over.set()
        outages.result()
        _send_the_rest(file)
        wanted = accepted.read_text().split()
        arrived = _pull_all(set(wanted))
    lost = [each for each in wanted if each not in arrived]
    return Result(kills, len(wanted), len(lost), sum(count > 1 for count in arrived.values()), waiting)


def _started(context: Any, *arguments: Any) -> Any:
    process = context.Process(target=publish_for_ever, args=arguments)
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


def _create() -> None:
    publisher, subscriber = PublisherClient(), SubscriberClient()
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)


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


def _pull_all(wanted: set[str]) -> Counter[str]:
    """Return how often each event arrived. Stops when the subscription has been empty for a while."""
    subscriber = SubscriberClient()
    arrived: Counter[str] = Counter()
    empty = 0
    while empty < (1 if wanted <= arrived.keys() else EMPTY_PULLS):
        try:
            received = subscriber.pull(
                subscription=SUBSCRIPTION, max_messages=1000, timeout=PULL_SECONDS
            ).received_messages
        except DeadlineExceeded:
            received = []
        empty = 0 if received else empty + 1
        arrived.update(each.message.attributes["ce-id"] for each in received)
        if received:
            subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[each.ack_id for each in received])
    return arrived


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill producers that have an outbox, and count what arrives.")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous", choices=["FULL", "NORMAL"], default="NORMAL")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        result = run(given.kills, given.seed, Path(folder), given.synchronous)
        print(f"seed {given.seed}: {result}; {time.monotonic() - started:.0f} s")
    raise SystemExit(1 if result.lost else 0)


if __name__ == "__main__":
    main()
