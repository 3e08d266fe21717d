"""``python -m tests.faults.outage``: BigQuery is away for long while messages keep coming, and then is back.

For the first half its connections stay open and nothing passes, for the second they are refused. Most of what is
published meanwhile has to wait in Pub/Sub: the engine may not grow by it. The last line is one JSON object; the oracle
has the last word.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from tests.faults.away import measured
from tests.faults.engine import Engine
from tests.faults.operations import count, seconds_until
from tests.faults.proxy import Proxy
from tests.faults.steady import Sample, beside, look_steadily, publish_steadily
from tests.faults.world import World

SECONDS: Final = float(os.environ.get("OUTAGE_SECONDS", "600"))
MOST_MESSAGES: Final = 400_000  # as many as the emulators and the oracle take; spread over the whole outage
FASTEST: Final = 4_000  # messages a second, about what one publisher manages
WARMING_MESSAGES: Final = 20_000
SETTLING_SECONDS: Final = 1_800
LIMIT_MIB: Final = 512


def go_away(proxies: Sequence[Proxy], engine: Engine) -> None:
    """Half an outage half-open, half refusing."""
    for proxy in proxies:
        proxy.half_open()
    _wait(SECONDS / 2, engine)
    for proxy in proxies:
        proxy.heal_flags()
        proxy.refusing = True
        proxy.cut()
    _wait(SECONDS / 2, engine)


def _wait(seconds: float, engine: Engine) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert engine.is_alive, f"the engine ended with code {engine.wait()}; {engine.tail()}"
        threading.Event().wait(0.5)


def seconds_to_settle(world: World, engine: Engine) -> float:
    """Seconds until all is counted, or until the oracle may as well say what is missing."""
    began = time.monotonic()
    while engine.is_alive and time.monotonic() - began < SETTLING_SECONDS and not world.is_settled():
        threading.Event().wait(0.5)
    return time.monotonic() - began


def measure(world: World, proxies: Sequence[Proxy]) -> dict[str, Any]:
    """The outage in a warm engine, the healing, and the oracle's judgement."""
    flights = (world.mix.flight() for _ in iter(int, 1))
    engine = world.start()
    world.publish([next(flights) for _ in range(WARMING_MESSAGES)])
    seconds_until(engine, "written", WARMING_MESSAGES)
    samples: list[Sample] = []
    rate = min(FASTEST, MOST_MESSAGES / SECONDS)
    with beside(partial(look_steadily, world, time.monotonic(), 1.0, samples.append)):
        with beside(partial(publish_steadily, world, flights, rate)):
            go_away(proxies, engine)
        written = count(engine, "written")
        for proxy in proxies:
            proxy.heal()
        healed = time.monotonic()
        first = seconds_until(engine, "written", written + 1)
        seconds_to_settle(world, engine)
        drained = time.monotonic() - healed
    evidence = world.settle(engine, seconds=1)
    world.check(evidence)
    return {
        "seed": world.seed,
        "outage_seconds": SECONDS,
        "published": len(world.sent),
        "written_during_outage": written - WARMING_MESSAGES,
        "rss_mib": {"start": samples[0].rss_mib, "max": max(each.rss_mib for each in samples)},
        "threads_max": max(each.threads for each in samples),
        "fds_max": max(each.fds for each in samples),
        "first_row_seconds": round(first, 2),
        "drained_seconds": round(drained, 1),
        "violations": 0,
    }


def main() -> int:
    """Measure; 1 when something is wrong or the engine has grown too large."""
    report = measured("outage", measure)
    return int(report is None or report["rss_mib"]["max"] >= LIMIT_MIB)


if __name__ == "__main__":
    sys.exit(main())
