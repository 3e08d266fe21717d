"""Durable events into an outbox and out of it, on the local broker.

    python -m benchmarks.outbox [--events 50000] [--null] [--profile]

One caller with ``synchronous=NORMAL``, 64 threads with ``FULL``, and one caller with ``FULL``. Each event has 300
bytes. *in* is the rate at which calls return; *through* ends when the last event is delivered and deleted. With
``--null`` a publisher that confirms at once takes the place of Pub/Sub, so that the outbox itself is measured.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import tempfile
import threading
import time
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from google.pubsub_v1 import PublisherClient

from headrace.dev.emulators import running_pubsub
from headrace.producers import PubSubPublisher
from headrace.producers.outbox import Outbox
from headrace.producers.publisher import Publisher
from headrace.runtime.google_clients import PUBSUB

PROJECT: Final = "bench-outbox"
SUBJECT: Final = "flight_departed"
BYTES: Final = 300
SECONDS: Final = 300.0
ATTRIBUTES: Final = {
    "ce-id": "01938a5b-7c11-7d0c-9f5a-8f8b0f0d1e2f",
    "ce-type": SUBJECT,
    "ce-time": "2026-03-14T15:09:26.535Z",
    "ce-source": "/checkout",
    "ce-dataschema": f"headrace:{SUBJECT}:1",
    "content-type": "application/avro",
    "ce-specversion": "1.0",
}
RUNS: Final = (("NORMAL", 1), ("FULL", 64), ("FULL", 1))


class Null:
    """A publisher that confirms at once."""

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        future: Future[str] = Future()
        future.set_result("1")
        return future

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


def measure(file: Path, publisher: Publisher, synchronous: str, threads: int, events: int) -> str:
    """Put so many events from so many threads; return a line of figures."""
    outbox = Outbox(file, synchronous=synchronous)
    outbox.start(publisher)

    def put() -> None:
        for _ in range(events // threads):
            outbox.put(SUBJECT, os.urandom(BYTES), ATTRIBUTES, "")

    callers = [threading.Thread(target=put) for _ in range(threads)]
    began, processor = time.perf_counter(), time.process_time()
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    accepted = time.perf_counter() - began
    outbox.wait(SECONDS)
    delivered = time.perf_counter() - began
    processor = time.process_time() - processor
    publisher.close()
    assert outbox.close() == 0
    count = events // threads * threads
    return (
        f"{synchronous:6} {threads:2} callers: in {count / accepted:7,.0f}/s, through {count / delivered:7,.0f}/s, "
        f"{processor / count * 1e6:.0f} µs of processor time an event"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the outbox.")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--null", action="store_true")
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with nullcontext("") if given.null else running_pubsub(folder) as address:
            if address:
                os.environ[PUBSUB] = address
                PublisherClient().create_topic(name=f"projects/{PROJECT}/topics/{SUBJECT}")
            profile = cProfile.Profile()
            for number, (synchronous, threads) in enumerate(RUNS):
                publisher: Publisher = Null() if given.null else PubSubPublisher(PROJECT)
                with profile if given.profile else nullcontext():
                    line = measure(folder / f"{number}.outbox", publisher, synchronous, threads, given.events)
                print(line, flush=True)
            if given.profile:
                pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
