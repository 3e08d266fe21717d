"""``python -m tests.faults.recovery``: short and longer outages of BigQuery in turn, and the backlog meanwhile.

From the short ones comes what an event takes; with that the simulation says how the longer ones go (docs/capacity.md).
The last line is one JSON object, docs/reports/recovery.json; the oracle has the last word.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from tests.faults.away import measured
from tests.faults.engine import Engine
from tests.faults.operations import count, seconds_until
from tests.faults.proxy import Proxy
from tests.faults.steady import beside, publish_steadily
from tests.faults.world import World

SHORT, LONG = 20.0, float(os.environ.get("RECOVERY_SECONDS", "60"))
PAIRS: Final = int(os.environ.get("RECOVERY_PAIRS", "3"))
RATE: Final = 2_000  # messages a second
WARMING_MESSAGES: Final = 10_000
DRAINED_SECONDS: Final = 300.0


def outage(world: World, proxies: Sequence[Proxy], engine: Engine, seconds: float) -> dict[str, Any]:
    """Connections are refused for so long while messages come; then nothing comes, and all is written."""
    flights = (world.mix.flight() for _ in iter(int, 1))
    before, sent = count(engine, "written"), len(world.sent)
    for proxy in proxies:
        proxy.refusing = True
        proxy.cut()
    began = time.monotonic()
    with beside(partial(publish_steadily, world, flights, RATE)):
        threading.Event().wait(seconds)
    healed = time.monotonic()
    for proxy in proxies:
        proxy.heal()
    published = len(world.sent) - sent
    samples: list[tuple[float, int]] = []
    while not samples or samples[-1][1] > 0:
        assert engine.is_alive, engine.tail()
        assert time.monotonic() - healed < DRAINED_SECONDS, samples[-3:]
        threading.Event().wait(0.5)
        samples.append((round(time.monotonic() - healed, 1), published - (count(engine, "written") - before)))
    return {"seconds": round(healed - began, 1), "published": published, "samples": samples}


def measure(world: World, proxies: Sequence[Proxy]) -> dict[str, Any]:
    """Both outages in turn, in one warm engine."""
    engine = world.start()
    world.publish([world.mix.flight() for _ in range(WARMING_MESSAGES)])
    seconds_until(engine, "written", WARMING_MESSAGES)
    outages = (("short", SHORT), ("long", LONG))
    pairs = [{name: outage(world, proxies, engine, seconds) for name, seconds in outages} for _ in range(PAIRS)]
    world.check(world.settle(engine, seconds=1))
    return {"seed": world.seed, "measured_at": f"{datetime.now(UTC):%Y-%m-%d}", "pairs": pairs, "violations": 0}


def main() -> int:
    """Measure; 1 when something is wrong."""
    return int(measured("recovery", measure) is None)


if __name__ == "__main__":
    sys.exit(main())
