"""``python -m benchmarks.pubsub_publish PROJECT COUNT``: publish flights with the SDK, as fast as it goes.

It prints ticks: an event is done when its publish is confirmed.
"""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from typing import Any

from benchmarks import contracts
from benchmarks.sender import FLIGHT
from headrace.dev.bench.ticks import Ticker
from headrace.producers import EventProducer, PubSubPublisher


def publish(project: str, count: int) -> None:
    """Publish *count* flights."""
    registry, subject = contracts.flights()
    ticker, fields = Ticker(count), {**FLIGHT, "flight": 1545, "scheduled_at": datetime.now(UTC)}
    is_done = threading.Event()

    def confirmed(sent: Any) -> None:
        sent.result()
        if ticker.add(1):
            is_done.set()

    with EventProducer(PubSubPublisher(project), source="/bench", contracts=registry) as producer:
        for number in range(count):
            producer.publish(subject, fields, event_id=f"event-{number}").add_done_callback(confirmed)
        is_done.wait()


if __name__ == "__main__":
    publish(sys.argv[1], int(sys.argv[2]))
