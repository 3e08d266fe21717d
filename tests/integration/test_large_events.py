"""Events whose payloads lie in a bucket, from the producer to the table, by the running job."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.cloud import storage

from headrace.dev.emulators import free_ports
from headrace.producers import EventProducer, PubSubPublisher, large_events
from tests.integration.test_crash import distinct
from tests.support.buckets import VARIABLE, a_bucket
from tests.support.builders import PACKAGE, a_flight
from tests.support.jobs import a_key, a_running_job, wait_for
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
COUNT = 12


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[storage.Bucket]:
    with a_bucket(tmp_path) as bucket:
        yield bucket


def publish(project: str, bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish COUNT flights of which every other one is in the bucket."""
    monkeypatch.setattr(large_events, "MAX_INLINE_BYTES", 2_000)
    monkeypatch.setattr("headrace.producers.producer_core.MAX_INLINE_BYTES", 2_000)
    now = datetime.now(UTC).replace(microsecond=0)
    address = f"gs://{bucket.name}/large"
    with EventProducer(PubSubPublisher(project), source="/test", contracts=PACKAGE, large_events=address) as producer:
        for number in range(COUNT):
            at = now - timedelta(hours=number + 1)
            tail = "N" * (1 + number % 2 * 3_000)
            flight = a_flight(flight=number, scheduled_at=at, departed_at=None, tail_number=tail)
            producer.publish("flight_departed", flight)
    assert len(list(bucket.list_blobs())) == COUNT // 2


def long_names(service: Service) -> int:
    (row,) = service.rows("flights", "COUNTIF(LENGTH(tail_number) = 3001) AS long")
    return int(row["long"])


def settings(bucket: storage.Bucket) -> dict[str, str]:
    return {"large_events": f'["gs://{bucket.name}/large"]'}


def test_large_events_become_rows_beside_others(
    project: str, tmp_path: Path, bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = a_service(project)
    publish(project, bucket, monkeypatch)
    with a_running_job(project, a_key(tmp_path), **settings(bucket)):
        wait_for(lambda: distinct(service) == (COUNT, COUNT))
    assert long_names(service) == COUNT // 2


def test_a_job_waits_for_a_bucket_that_does_not_answer_and_loses_nothing(
    project: str, tmp_path: Path, bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = a_service(project)
    publish(project, bucket, monkeypatch)
    (port,) = free_ports(1)
    here = os.environ[VARIABLE]
    with monkeypatch.context() as away:
        away.setenv(VARIABLE, f"http://127.0.0.1:{port}")
        with a_running_job(project, a_key(tmp_path), **settings(bucket)) as job:
            assert job.stderr is not None
            held = next(line for line in job.stderr if '"event": "held_by_bucket"' in line)
    assert f"gs://{bucket.name}" in held
    assert os.environ[VARIABLE] == here
    with a_running_job(project, a_key(tmp_path), **settings(bucket)):
        wait_for(lambda: distinct(service) == (COUNT, COUNT))


def test_a_job_without_the_setting_makes_dead_letters_that_say_it(
    project: str, tmp_path: Path, bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = a_service(project)
    publish(project, bucket, monkeypatch)
    with a_running_job(project, a_key(tmp_path)):
        wait_for(lambda: distinct(service) == (COUNT // 2, COUNT // 2))
        letters = service.dead_letters(COUNT // 2)
    assert {each.attributes["headrace-dl-reason"] for each in letters} == {"unreadable_reference"}
    assert all("large_events = [" in each.attributes["headrace-dl-error"] for each in letters)
    assert all(each.attributes["ce-dataref"] and not each.data for each in letters)
