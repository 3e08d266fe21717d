"""Kill the local broker while clients publish, pull and acknowledge: ``python -m tests.conformance.kills --kills 60``.

Nothing that was confirmed may be lost, and nothing whose acknowledgement was answered may come again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1.types import PubsubMessage

from headrace.dev.pubsub_services import PubsubService
from tests.conformance.conftest import Pubsub, Target
from tests.faults.servers import PubSub, a_pubsub

BATCH: Final = 50
MOST_BETWEEN: Final = 5_000  # acknowledgements between two kills
STUCK_SECONDS: Final = 60.0
QUIET_SECONDS: Final = 12.0  # longer than a lease


@dataclass
class Seen:
    """What clients know: texts whose publish was confirmed, that came, and whose acknowledgement was answered."""

    confirmed: set[str] = field(default_factory=set)
    received: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    repeated: set[str] = field(default_factory=set)

    def problems(self) -> list[str]:
        lost = self.confirmed - set(self.received)
        found = [f"{len(lost)} confirmed messages never came"] if lost else []
        return found + ([f"{len(self.repeated)} acknowledged messages came again"] if self.repeated else [])


def publish(pubsub: Pubsub, topic: str, seen: Seen, stop: threading.Event) -> None:
    """Publish batches until told to stop; a batch without an answer is not published again."""
    number = 0
    while not stop.is_set():
        batch = [f"{number + each}" for each in range(BATCH)]
        number += BATCH
        try:
            messages = [PubsubMessage(data=each.encode()) for each in batch]
            pubsub.publisher.publish(topic=topic, messages=messages, retry=None, timeout=5)
        except GoogleAPICallError:
            stop.wait(0.02)
        else:
            seen.confirmed.update(batch)


def consume(pubsub: Pubsub, name: str, seen: Seen, is_done: Callable[[], bool]) -> None:
    """Pull and acknowledge until *is_done*, and every pull was empty for longer than a lease."""
    quiet_since = time.monotonic()
    while not is_done() or time.monotonic() < quiet_since + QUIET_SECONDS:
        try:
            received = pubsub.pull(name, at_most=200, seconds=1.0)
            texts = [each.message.data.decode() for each in received]
            seen.repeated |= seen.acknowledged & set(texts)
            seen.received.update(texts)
            pubsub.acknowledge(name, received)
        except GoogleAPICallError:
            quiet_since = time.monotonic()
            threading.Event().wait(0.02)
        else:
            seen.acknowledged.update(texts)
            quiet_since = time.monotonic() if received else quiet_since


def kill(server: PubSub, kills: int, seen: Seen, chance: random.Random) -> None:
    """Kill the broker again and again while it is busy, and start it."""
    for _ in range(kills):
        wanted = len(seen.acknowledged) + chance.randrange(1, MOST_BETWEEN)
        deadline = time.monotonic() + STUCK_SECONDS
        while len(seen.acknowledged) < wanted:
            assert time.monotonic() < deadline, "nothing was acknowledged"
            threading.Event().wait(0.005)
        server.kill()
        server.start()


def run(folder: Path, kills: int, seed: int) -> Seen:
    """Publish and consume through *kills* kills, and return what the clients saw."""
    seen, stop = Seen(), threading.Event()
    with a_pubsub(folder, PubsubService.BROKER) as server, ThreadPoolExecutor() as threads:
        pubsub = Pubsub(Target.BROKER, server.address, "kills")
        topic = pubsub.topic()
        name = pubsub.subscription(topic)
        publishing = threads.submit(publish, pubsub, topic, seen, stop)
        consuming = threads.submit(consume, pubsub, name, seen, stop.is_set)
        try:
            kill(server, kills, seen, random.Random(seed))
        finally:
            stop.set()
        publishing.result()
        consuming.result()
    return seen


def main() -> int:
    """Run, and print what was seen; 1 when something was lost or came again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**8))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = run(Path(folder), given.kills, given.seed)
    problems = seen.problems()
    print(
        f"seed {given.seed}: {given.kills} kills, {len(seen.confirmed):,} confirmed, "
        f"{len(seen.acknowledged):,} acknowledged, {sum(seen.received.values()):,} deliveries; "
        f"{'; '.join(problems) or 'nothing lost, nothing acknowledged came again'}"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
