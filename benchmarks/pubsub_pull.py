"""``python -m benchmarks.pubsub_pull PROJECT COUNT``: pull and acknowledge with the engine's own code.

It prints ticks: a message is done when its acknowledgement was answered.
"""

from __future__ import annotations

import sys
import threading

from benchmarks import contracts
from headrace.core.resource_names import Names
from headrace.dev.bench.ticks import Ticker
from headrace.engine.continuity import Continuity
from headrace.engine.origins import PULLS_ALONG
from headrace.engine.pubsub_calls import Subscription
from headrace.engine.puller import Puller
from headrace.engine.scheduler import Scheduler
from headrace.engine.status import SubjectStatus
from headrace.runtime.google_clients import open_subscriber


def pull(project: str, count: int) -> None:
    """Pull and acknowledge *count* messages."""
    names, (_, subject), ticker = Names(project), contracts.flights(), Ticker(count)
    puller = Puller(
        Subscription(open_subscriber(), names.subscription(subject)),
        subject,
        status=SubjectStatus(subject),
        continuity=Continuity(names.topic(subject), lambda: 0),
        along=threading.Semaphore(PULLS_ALONG),
    )
    with Scheduler("subject", at_once=2) as scheduler:
        puller.start(scheduler, lambda: None)
        is_done = False
        while not is_done:
            taken = puller.take(at_most=5_000, wait_seconds=1.0)
            puller.acknowledge(taken)
            is_done = ticker.add(sum(len(each.messages) for each in taken))
        puller.stop()


if __name__ == "__main__":
    pull(sys.argv[1], int(sys.argv[2]))
