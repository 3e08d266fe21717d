"""``python -m benchmarks.sender <project> <rate> <count> <start>``: flights on schedule, whatever becomes of them.

Event number *n* is due at *start* + *n* / *rate* (seconds since 1970), and its event time is that moment. It is sent as
the producer SDK does: in one request with what comes within BATCH_SECONDS. A request that takes long makes the next one
larger and changes no event's time. Prints how late the requests went out, in milliseconds, as a JSON list.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from google.pubsub_v1.types import PubsubMessage

from benchmarks import contracts
from headrace.core.resource_names import Names
from headrace.producers.transport.limits import BATCH_SECONDS
from headrace.runtime.google_clients import open_gapic_publisher
from headrace.schemas.encode_event import encode_event
from headrace.schemas.envelope import Envelope
from headrace.schemas.registry import Contract

FLIGHT = {
    "carrier": "UA",
    "origin": "EWR",
    "destination": "IAH",
    "tail_number": "N14228",
    "departed_at": None,
    "departure_delay_minutes": 2,
    "arrival_delay_minutes": -11,
    "air_time_minutes": 227,
    "distance_miles": 1400,
    "cancelled": False,
}
MOST: int = 900  # messages of one request


def message(contract: Contract, number: int, due: datetime) -> PubsubMessage:
    """One flight, scheduled for the moment at which it is sent."""
    fields: dict[str, Any] = {**FLIGHT, "flight": number % 9999, "scheduled_at": due}
    attributes = Envelope(f"event-{number}", contract.ref, due, "/bench").to_attributes()
    return PubsubMessage(data=encode_event(contract, fields).datum, attributes=attributes)


def send(project: str, rate: float, count: int, start: float) -> list[float]:
    """Send all of them; how late each request went out, in milliseconds."""
    registry, subject = contracts.flights()
    contract, topic, publisher = registry.latest(subject), Names(project).topic(subject), open_gapic_publisher()
    begin, pause, late, sent = datetime.fromtimestamp(start, UTC), threading.Event(), [], 0
    while sent < count:
        full = start + sent / rate + BATCH_SECONDS
        pause.wait(max(0.0, full - time.time()))
        now = time.time()
        due = min(count, sent + MOST, int((now - start) * rate) + 1)
        if due <= sent:
            continue
        late.append((now - full) * 1000)
        publisher.publish(
            topic=topic,
            messages=[
                message(contract, number, begin + timedelta(seconds=number / rate)) for number in range(sent, due)
            ],
        )
        sent = due
    return late


if __name__ == "__main__":
    took = send(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    sys.stdout.write(json.dumps([round(each, 2) for each in took]) + "\n")
