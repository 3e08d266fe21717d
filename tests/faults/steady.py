"""What long runs share: messages at a steady pace, a steady look at the engine."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psutil

from tests.faults.mix import Message
from tests.faults.world import World

TICK_SECONDS: Final = 0.25
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process held at one moment; *seconds* since the run began, *journal* in bytes."""

    seconds: float
    pid: int
    rss_mib: float
    threads: int
    fds: int
    journal: int


def sample(world: World, began: float) -> Sample | None:
    """Look at the newest engine; nothing while it is dead, or dies just now."""
    if not world.engines or not world.engines[-1].is_alive:
        return None
    pid = world.engines[-1].pid
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            rss, threads, fds = process.memory_info().rss / MIB, process.num_threads(), process.num_fds()
    except psutil.Error:
        return None
    return Sample(round(time.monotonic() - began, 1), pid, round(rss, 1), threads, fds, journal_bytes(world))


def journal_bytes(world: World) -> int:
    """All files of the journal's folder; SQLite makes and removes some at any time."""
    total = 0
    for path in (world.folder / "journal").rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


@contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[Future[None]]:
    """Do *work* in a thread until the block ends; what it raises is raised at the end."""
    over = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(work, over)
        try:
            yield future
        finally:
            over.set()
    future.result()


def publish_steadily(world: World, messages: Iterator[Message], rate: float, over: threading.Event) -> None:
    """Publish *rate* messages a second until *over*; what one tick could not do, the next ones make up for."""
    began, published = time.monotonic(), 0
    while not over.wait(TICK_SECONDS):
        due = int(rate * (time.monotonic() - began)) - published
        world.publish(list(itertools.islice(messages, due)))
        published += due


def look_steadily(
    world: World, began: float, every: float, keep: Callable[[Sample], None], over: threading.Event
) -> None:
    """Give *keep* a sample every so many seconds until *over*."""
    while not over.wait(every):
        found = sample(world, began)
        if found is not None:
            keep(found)
