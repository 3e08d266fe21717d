"""``headrace run``: the job on the embedded engine, until it is told to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from schemas.registry import Registry
from stream.clients import open_subscriber
from stream.clock import now_micros
from stream.engine.embedded import Embedded, Progress
from stream.engine.puller import Puller
from stream.names import TALLIES, Names
from stream.output import say
from stream.pipeline import Job
from stream.sealing import new_key
from stream.settings import Settings, read_masking_key

REPORT_SECONDS: Final = 10.0


def job_for(settings: Settings, registry: Registry, masking_key: bytes, clock: Callable[[], int]) -> Job:
    """The job that *settings* and contracts describe; opens nothing."""
    names = Names(settings.project, settings.dataset)
    return Job(
        registry=registry,
        project=settings.project,
        tables={subject: names.table(registry.latest(subject).options.table) for subject in registry.subjects},
        tallies_table=names.table(TALLIES),
        dead_letter_topic=names.dead_letter_topic,
        name=settings.pipeline,
        window=settings.window,
        shards=settings.shards,
        ids_remembered=settings.ids_remembered,
        clock=clock,
        masking_key=masking_key,
        sealing_key=new_key(),
    )


def build_engine(settings: Settings) -> Embedded:
    """The embedded engine for *settings*, not started."""
    job = job_for(settings, settings.registry(), read_masking_key(settings.masking_key_file), now_micros)
    names = Names(settings.project, settings.dataset)
    subscriptions = {subject: names.subscription(subject) for subject in job.registry.subjects}
    puller = Puller(open_subscriber(), subscriptions)
    return Embedded(job, puller, settings.bundle_messages, settings.batch_messages)


class _Reporter:
    """Says how far the engine is, now and then, when something has happened."""

    def __init__(self) -> None:
        self._next = time.monotonic() + REPORT_SECONDS
        self._said = 0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._next and progress.acknowledged != self._said:
            rate = (progress.acknowledged - self._said) / (now - self._next + REPORT_SECONDS)
            say(f"{progress.acknowledged:,} events acknowledged, {rate:,.0f} a second")
            self._next, self._said = now + REPORT_SECONDS, progress.acknowledged


def run_until_stopped(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C, then drain: what was pulled is written and acknowledged."""
    engine = build_engine(settings)
    engine.on_progress = _Reporter()
    _stop_on_signals(engine.stop)
    subjects = ", ".join(engine.job.registry.subjects)
    say(f"running: {subjects} -> {settings.project}.{settings.dataset}; Ctrl-C drains and ends")
    engine.run()
    say(f"drained: {engine.progress.acknowledged:,} events acknowledged")


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(number: int, frame: Any) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
