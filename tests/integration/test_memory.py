"""The engine's memory stays flat however many events go through it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.integration.test_crash import distinct, publish_flights
from tests.jobs import a_key, a_running_job, wait_for
from tests.service import a_service

pytestmark = pytest.mark.emulators
EVENTS = 28_000  # minutes of twenty days: all within late_after
MIB = 1 << 20


def test_memory_does_not_grow_with_the_events_seen(project: str, tmp_path: Path) -> None:
    #  publish 28,000 |run ... all written: warm |publish twice as many ... all written: the end|
    service = a_service(project)
    publish_flights(service, EVENTS)
    with a_running_job(project, a_key(tmp_path), round_messages="1000") as job:
        process = psutil.Process(job.pid)
        wait_for(lambda: distinct(service)[0] == EVENTS)
        warm = process.memory_info().rss
        for number in (1, 2):
            publish_flights(service, EVENTS, number * EVENTS)
        wait_for(lambda: distinct(service)[0] == 3 * EVENTS)
        end = process.memory_info().rss
    print(f"RSS {warm / MIB:.0f} MiB after {EVENTS:,} events, {end / MIB:.0f} MiB after {3 * EVENTS:,}")
    assert end < 1024 * MIB
    assert end - warm < 64 * MIB
