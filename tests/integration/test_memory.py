"""The engine's memory stays flat however many events go through it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.integration.test_crash import distinct, publish_flights
from tests.support.jobs import a_key, a_running_job, wait_for
from tests.support.service import a_service

pytestmark = pytest.mark.emulators
EVENTS = 28_000  # minutes of twenty days: all within late_after
ROUNDS = 4
MIB = 1 << 20


def test_memory_does_not_grow_with_the_events_seen(project: str, tmp_path: Path) -> None:
    #  publish 28,000 |run ... all written |publish as many ... all written| and so on: sizes are compared
    # The heap reaches its height at another moment each time: the higher of the first two readings is compared with the
    # lower of the last two. What grows with the events is in both.
    service = a_service(project)
    publish_flights(service, EVENTS)
    with a_running_job(project, a_key(tmp_path), round_messages="1000") as job:
        process = psutil.Process(job.pid)
        sizes: list[int] = []
        for published in range(EVENTS, (ROUNDS + 1) * EVENTS, EVENTS):
            if published > EVENTS:
                publish_flights(service, EVENTS, published - EVENTS)
            wait_for(lambda published=published: distinct(service)[0] == published)  # type: ignore[misc]
            sizes.append(process.memory_info().rss)
    print(f"RSS after each {EVENTS:,} events: {', '.join(f'{size / MIB:.0f}' for size in sizes)} MiB")
    assert max(sizes) < 1024 * MIB
    assert min(sizes[-2:]) - max(sizes[:2]) < 64 * MIB
