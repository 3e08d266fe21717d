"""What a killed or stopped job leaves behind."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import Subscription, UpdateSubscriptionRequest

from headrace.runtime.google_clients import open_subscriber
from tests.integration.test_service import a_message
from tests.support.builders import FLIGHT, a_flight
from tests.support.jobs import a_key, a_running_job, wait_for
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
EVENTS = 20_000
KILLS = 20


def publish_flights(service: Service, count: int, first: int = 0) -> None:
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
    times = (start + timedelta(minutes=number) for number in range(count))
    flights = (a_flight(flight=number, scheduled_at=at) for number, at in enumerate(times, first))
    service.publish("flight_departed", [a_message(FLIGHT, f, f"flight-{f['flight']}") for f in flights])


def redeliver_soon(service: Service) -> None:
    """What a killed job held comes again after ten seconds, the shortest Pub/Sub allows, instead of sixty."""
    subscription = Subscription(name=service.names.subscription("flight_departed"), ack_deadline_seconds=10)
    request = UpdateSubscriptionRequest(
        subscription=subscription, update_mask=FieldMask(paths=["ack_deadline_seconds"])
    )
    open_subscriber().update_subscription(request=request)


def distinct(service: Service) -> tuple[int, int]:
    (row,) = service.rows("flights", "COUNT(*) AS total, COUNT(DISTINCT _event_id) AS ids")
    return row["total"], row["ids"]


@pytest.mark.timeout(600)
def test_nothing_is_lost_through_twenty_kills_at_random_moments(
    project: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    #  publish |kill|kill| ... |kill|run to the end
    seed = random.randrange(2**32)
    chance, pause = random.Random(seed), threading.Event()
    service, key = a_service(project), a_key(tmp_path)
    redeliver_soon(service)
    publish_flights(service, EVENTS)

    for _ in range(KILLS):
        with a_running_job(project, key, round_messages="500") as job:
            pause.wait(chance.uniform(0, 1.5))
            job.send_signal(signal.SIGKILL)
            assert job.wait() == -signal.SIGKILL
    with a_running_job(project, key, round_messages="500"):
        wait_for(lambda: distinct(service)[1] == EVENTS, 200)

    total, ids = distinct(service)
    record_property("duplicates", total - ids)
    print(f"seed {seed}: {KILLS} kills, {ids:,} of {EVENTS:,} events written, {total - ids:,} of them twice")
    assert ids == EVENTS


def test_sigterm_drains_what_was_pulled_and_exits_0(project: str, tmp_path: Path) -> None:
    service = a_service(project)
    publish_flights(service, 3000)
    with a_running_job(project, a_key(tmp_path), round_messages="500") as job:
        wait_for(lambda: distinct(service)[0] > 0)
        job.send_signal(signal.SIGTERM)
        assert job.wait(60) == 0

    written, ids = distinct(service)
    assert written == ids
    engine = service.run_until(acknowledged=3000 - written)

    assert engine.progress.acknowledged == 3000 - written, "drained messages were acknowledged, the others handed back"
    assert distinct(service) == (3000, 3000)
