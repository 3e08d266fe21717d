"""Report the progress of a measured process: it prints lines, and the measuring process reads them."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

WARM: Final = 0.1  # the first tenth is not measured, because it includes the start
_EVERY: Final = 0.05  # seconds
_PARTS: Final = 50  # of the whole: a quick contender finishes its few messages before 50 ms have passed


class Tick(NamedTuple):
    """State at one time (monotonic seconds): messages done, processor seconds of the process, and its memory."""

    at: float
    done: int
    cpu: float
    rss: int = 0


class Ticker:
    """Counter of messages that are done, for any thread; it prints ticks to stdout."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._next_at = 0.0
        self._next_done = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> bool:
        """Count *count* more messages; return whether all are done."""
        with self._lock:
            return self._reach(self._done + count)

    def reach(self, done: int) -> bool:
        """Report that *done* messages are done; return whether these are all."""
        with self._lock:
            return self._reach(done)

    def _reach(self, done: int) -> bool:
        now, moved = time.monotonic(), done > self._done
        self._done = done
        if moved and (now >= self._next_at or done >= min(self._next_done, self._total)):
            self._next_at, self._next_done = now + _EVERY, done + max(1, self._total // _PARTS)
            sys.stdout.write(json.dumps(Tick(now, done, time.process_time(), _resident())) + "\n")
            sys.stdout.flush()
        return done >= self._total


def _resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def read_ticks(lines: Iterable[bytes], total: int) -> Iterator[Tick]:
    """Read ticks until *total* messages are done; skip lines of other programs."""
    for line in lines:
        if not line.startswith(b"["):
            continue
        tick = Tick(*json.loads(line))
        yield tick
        if tick.done >= total:
            return


class Rate(NamedTuple):
    """Result of a run: events a second, processor seconds a million events, and the most memory in MiB."""

    eps: float
    cpu_seconds_per_million: float
    rss_mib: float


def first_counted(ticks: Sequence[Tick]) -> int:
    """Return the index of the first tick to measure: the first one beyond a tenth of the whole.

    >>> first_counted([Tick(0.0, 5, 0.1), Tick(1.0, 20, 0.2), Tick(2.0, 100, 0.3)])
    1
    """
    return next(place for place, tick in enumerate(ticks) if tick.done > ticks[-1].done * WARM)


def rate_of(ticks: Sequence[Tick]) -> Rate:
    """Return the rate between the first tick beyond a tenth and the last. Raises ValueError if they are the same.

    >>> rate_of([Tick(0.0, 5, 0.1), Tick(1.0, 100, 0.2), Tick(3.0, 500, 0.4, 2**21)])
    Rate(eps=200.0, cpu_seconds_per_million=500.0, rss_mib=2.0)
    """
    first, last = ticks[first_counted(ticks)], ticks[-1]
    if last.done == first.done:
        raise ValueError(f"all {last.done:,} messages arrived at once; measure more messages")
    count = last.done - first.done
    cpu = round((last.cpu - first.cpu) / count * 1e6, 3)
    return Rate(count / (last.at - first.at), cpu, max(tick.rss for tick in ticks) / 2**20)
