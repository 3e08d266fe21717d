"""Publishers without an outbox whose broker fails at random moments.

    python -m tests.publish_faults --seconds 60 [--seed N]
    python -m tests.publish_faults --scripted --seconds 60
    python -m tests.publish_faults --outage 60

Several threads publish, with ordering keys and without. Meanwhile the broker is killed, started again and frozen, or,
with ``--scripted``, a server answers with errors, also after it has taken the messages. Every event whose future gave a
message id must have arrived, those of a key in their order, and every future must be settled. With ``--outage``, the
broker is away for so long, and the publisher is closed meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import grpc
import psutil
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import PublisherClient, SubscriberClient

from headrace.dev.pubsub_services import PubsubService
from headrace.producers import EventProducer, PubSubPublisher
from headrace.runtime.google_clients import PUBSUB
from tests.faults.servers import PubSub, a_pubsub
from tests.support.builders import PACKAGE, a_flight
from tests.support.publish_server import PublishServer, serving

PROJECT: Final = "publish-faults"
SUBJECT: Final = "flight_departed"
TOPIC: Final = f"projects/{PROJECT}/topics/{SUBJECT}"
SUBSCRIPTION: Final = f"projects/{PROJECT}/subscriptions/{SUBJECT}"
THREADS: Final = 4
AWAY_SECONDS: Final = 1.5
SETTLE_SECONDS: Final = 60.0
PULL_SECONDS: Final = 3.0
EMPTY_PULLS: Final = 4
CODES: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,
)


@dataclass
class Published:
    """What one thread has published with its *key*, in order."""

    key: str
    events: list[tuple[str, Future[str]]] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """What was seen. *lost* were confirmed and have not arrived, *disordered* arrived before one published earlier."""

    faults: int
    published: int
    confirmed: int
    failed: int
    unsettled: int
    lost: int
    disordered: int
    doubled: int
    threads_more: int

    @property
    def is_good(self) -> bool:
        return self.confirmed > 0 and not (self.unsettled or self.lost or self.disordered)

    def __str__(self) -> str:
        return (
            f"{self.faults} faults; {self.published:,} published, {self.confirmed:,} confirmed, "
            f"{self.failed:,} failed, {self.unsettled} unsettled; {self.lost} lost, {self.disordered} out of order, "
            f"{self.doubled:,} twice; {self.threads_more} threads more"
        )


def run(seconds: float, seed: int, folder: Path) -> Result:
    """Let a broker be killed and frozen for so long, while threads publish."""
    chance = random.Random(seed)
    with a_pubsub(folder, PubsubService.BROKER) as server:
        os.environ[PUBSUB] = server.address
        _create()
        return _run(seconds, partial(_break, server, chance), _pull_all)


def run_scripted(seconds: float, seed: int) -> Result:
    """Let a server answer with errors for so long, while threads publish."""
    chance = random.Random(seed)
    handler = PublishServer(TOPIC)
    handler.refuses = lambda data: int(data.rpartition(b":")[2]) % 997 == 996
    with serving(handler) as port:
        os.environ[PUBSUB] = f"127.0.0.1:{port}"
        return _run(
            seconds, partial(_answer_badly, handler, chance), lambda _: [each.decode() for each in handler.data]
        )


def _run(seconds: float, fault: Callable[[], None], pull: Callable[[set[str]], Sequence[str]]) -> Result:
    publisher = PubSubPublisher(PROJECT, ordered=True, batch_messages=20, max_outstanding_messages=2_000)
    threads_before, over, faults = _threads(), threading.Event(), 0
    published = [Published(f"key-{number}" if number % 2 else "") for number in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        publishing = [
            threads.submit(_publish_on, publisher, number, each, over) for number, each in enumerate(published)
        ]
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            fault()
            faults += 1
        over.set()
        for each in publishing:
            each.result(SETTLE_SECONDS)
    publisher.close()
    futures = [future for each in published for _, future in each.events]
    unsettled = wait(futures, SETTLE_SECONDS).not_done
    confirmed = {data for each in published for data, future in each.events if _is_confirmed(future)}
    arrived = pull(confirmed)
    return Result(
        faults=faults,
        published=len(futures),
        confirmed=len(confirmed),
        failed=len(futures) - len(confirmed) - len(unsettled),
        unsettled=len(unsettled),
        lost=len(confirmed - set(arrived)),
        disordered=sum(_disordered(each, arrived) for each in published if each.key),
        doubled=sum(count > 1 for count in Counter(arrived).values()),
        threads_more=max(0, _threads_at_rest(threads_before) - threads_before),
    )


def _publish_on(publisher: PubSubPublisher, number: int, published: Published, over: threading.Event) -> None:
    while not over.is_set():
        data = f"{number}:{len(published.events)}"
        future = publisher.publish_message(SUBJECT, data.encode(), {}, published.key)
        published.events.append((data, future))
        if len(published.events) % 50 == 0:
            over.wait(0.01)


def _is_confirmed(future: Future[str]) -> bool:
    return future.done() and future.exception() is None


def _disordered(published: Published, arrived: Sequence[str]) -> int:
    order = {data: place for place, (data, _) in enumerate(published.events)}
    first = [order[data] for data in dict.fromkeys(arrived) if data in order]
    return sum(later < earlier for earlier, later in itertools.pairwise(first))


def _threads() -> int:
    """Return how many threads run, without those of the pools of this module and its server."""
    return sum(not each.name.startswith("ThreadPoolExecutor") for each in threading.enumerate())


def _threads_at_rest(at_most: int) -> int:
    deadline = time.monotonic() + 5
    while _threads() > at_most and time.monotonic() < deadline:
        time.sleep(0.05)
    return _threads()


def _break(server: PubSub, chance: random.Random) -> None:
    time.sleep(chance.uniform(0, AWAY_SECONDS))
    if chance.random() < 0.5:
        server.freeze(chance.uniform(0, AWAY_SECONDS))
    else:
        server.kill()
        time.sleep(chance.uniform(0, AWAY_SECONDS))
        server.start()


def _answer_badly(handler: PublishServer, chance: random.Random) -> None:
    time.sleep(chance.uniform(0, 0.05))
    kind = chance.choice([handler.failures, handler.lost_answers])
    if not kind:  # else they would go on long after the run, one after each pause
        kind.append(chance.choice(CODES))


def _create() -> None:
    publisher, subscriber = PublisherClient(), SubscriberClient()
    publisher.create_topic(name=TOPIC)
    request = {"name": SUBSCRIPTION, "topic": TOPIC, "enable_message_ordering": True}
    subscriber.create_subscription(request=request)
    publisher.transport.close()
    subscriber.transport.close()


def _pull_all(wanted: set[str]) -> list[str]:
    """Return what arrived, in order. Stops when the subscription has been empty for a while."""
    subscriber = SubscriberClient()
    arrived: list[str] = []
    empty = 0
    while empty < (1 if wanted <= set(arrived) else EMPTY_PULLS):
        try:
            received = subscriber.pull(
                subscription=SUBSCRIPTION, max_messages=1000, timeout=PULL_SECONDS
            ).received_messages
        except DeadlineExceeded:
            received = []
        empty = 0 if received else empty + 1
        arrived.extend(each.message.data.decode() for each in received)
        if received:
            subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[each.ack_id for each in received])
    subscriber.transport.close()
    return arrived


@dataclass(frozen=True)
class Outage:
    """What became of the events that were published before an outage and closed during it."""

    accepted: int
    reported: str
    confirmed: int
    unsettled: int
    seconds: float
    memory_more: float

    def __str__(self) -> str:
        return (
            f"{self.accepted:,} accepted, {self.confirmed:,} confirmed, {self.unsettled:,} unsettled after close() "
            f"in {self.seconds:.0f} s, which reported: {self.reported or 'nothing'}; {self.memory_more:.1f} MiB more"
        )


def run_outage(seconds: float, timeout: float | None) -> Outage:
    """Publish while no broker listens, close with *timeout*, and let the server come back after so many seconds."""
    handler = PublishServer(TOPIC)
    with serving(PublishServer(TOPIC)) as port:
        os.environ[PUBSUB] = f"127.0.0.1:{port}"
        producer = EventProducer(PubSubPublisher(PROJECT), source="/faults", contracts=PACKAGE)
        producer.publish(SUBJECT, a_flight()).result(SETTLE_SECONDS)
    memory = psutil.Process().memory_info().rss
    futures = [producer.publish(SUBJECT, a_flight(), event_id=str(number)) for number in range(9_000)]
    came_back, closed = threading.Event(), threading.Event()

    def come_back() -> None:
        time.sleep(seconds)
        with serving(handler, port):
            came_back.set()
            closed.wait(SETTLE_SECONDS)

    server = threading.Thread(target=come_back)
    server.start()
    started, reported = time.monotonic(), ""
    try:
        producer.close(timeout)
    except TimeoutError as error:
        reported = str(error)
    took = time.monotonic() - started
    unsettled = sum(not each.done() for each in futures)
    came_back.wait()
    wait(futures, SETTLE_SECONDS)
    closed.set()
    server.join()
    more = (psutil.Process().memory_info().rss - memory) / 1024 / 1024
    confirmed = len({each.attributes["ce-id"] for each in handler.messages})
    return Outage(len(futures), reported, confirmed, unsettled, took, more)


def main() -> None:
    parser = argparse.ArgumentParser(description="Publish while the broker fails, and count what arrives.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scripted", action="store_true")
    parser.add_argument("--outage", type=float)
    given = parser.parse_args()
    if given.outage is not None:
        outages = [run_outage(given.outage, None), run_outage(given.outage, given.outage / 10)]
        print(*outages, sep="\n")
        raise SystemExit(any(each.confirmed != each.accepted for each in outages))
    with tempfile.TemporaryDirectory() as folder:
        run_it = partial(run_scripted, given.seconds, given.seed)
        result = run_it() if given.scripted else run(given.seconds, given.seed, Path(folder))
    print(f"seed {given.seed}: {result}")
    raise SystemExit(not result.is_good)


if __name__ == "__main__":
    main()
