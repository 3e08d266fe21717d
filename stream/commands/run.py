"""``headrace run``: the job on the embedded engine, until it is told to stop."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from schemas.columns import decoder_kind
from schemas.registry import Registry
from stream.clients import open_bigquery, open_gapic_publisher, open_subscriber, open_write
from stream.clock import now_micros
from stream.commands.archive import collecting
from stream.completeness import known_complete
from stream.engine.embedded import Embedded, EngineClients, Progress
from stream.engine.intake import from_subscriptions
from stream.engine.journal import Journal
from stream.health import serving_health
from stream.job import Job
from stream.keys import HeldKey, Key
from stream.logs import set_up_logs
from stream.names import TALLIES
from stream.processes import stop_on_signals
from stream.reach import JOB, UnreachableError, reach
from stream.settings import Settings, read_masking_key
from stream.streams import WriteStreams
from stream.subscriptions import look_at_letters
from stream.transform import missing_functions

REPORT_SECONDS: Final = 10.0
AWAY_SECONDS: Final = 2.0
_LOG = structlog.get_logger("headrace")


def job_for(settings: Settings, registry: Registry, masking_key: Key, clock: Callable[[], int]) -> Job:
    """The job that *settings* and contracts describe; opens nothing."""
    names = settings.names
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
        masking_key_version=settings.masking_key_version,
    )


def build_engine(settings: Settings, job: Job, journal: Journal) -> Embedded:
    """The embedded engine for *settings*, not started."""
    write, client = open_write(settings.project), open_bigquery(settings.project)
    clients = EngineClients(
        publisher=open_gapic_publisher(),
        bigquery=client,
        streams=WriteStreams(write, settings.append_seconds),
        claim_streams=WriteStreams(write, min(settings.append_seconds, settings.lease_seconds / 3)),
        letters=partial(look_at_letters, open_subscriber(), settings.names),
    )
    complete_until = known_complete(client, settings.names)
    return Embedded(
        job=job,
        names=settings.names,
        journal=journal,
        clients=clients,
        intake=from_subscriptions(job, settings.names, journal, open_subscriber, complete_until),
        holder=f"{socket.gethostname()}, process {os.getpid()}",
        lease_seconds=settings.lease_seconds,
        round_messages=settings.round_messages,
        location=settings.location,
    )


class _Reporter:
    """Says how far the engine is, now and then, when something has happened."""

    def __init__(self) -> None:
        self._next = time.monotonic() + REPORT_SECONDS
        self._said = 0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._next and progress.acknowledged != self._said:
            rate = (progress.acknowledged - self._said) / (now - self._next + REPORT_SECONDS)
            _LOG.info("acknowledged", events=progress.acknowledged, a_second=round(rate))
            self._next, self._said = now + REPORT_SECONDS, progress.acknowledged


def run_until_stopped(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C, then drain: what was pulled is written and acknowledged."""
    set_up_logs(settings.log_format)
    registry = settings.serviceable_registry()
    registry = registry.blocking(missing_functions(registry))
    job = job_for(settings, registry, HeldKey(read_masking_key(settings.masking_key_file)), now_micros)
    engine = build_engine(settings, job, Journal.open(settings.journal))
    engine.on_progress = _Reporter()
    stop_on_signals(engine.stop)
    collect_less_often()
    told = {
        "into": f"{settings.project}.{settings.dataset}",
        "journal": str(settings.journal),
        "decoder": decoder_kind(),
    }
    with serving_health(settings.health, engine.status, settings.pipeline), collecting(settings):
        _say_what_is_away()
        _LOG.info("running", subjects=job.registry.subjects, **told)
        engine.run()
    _LOG.info("drained", events=engine.progress.acknowledged)


def _say_what_is_away() -> None:
    """Say which services do not answer; the engine waits for them."""
    for service in JOB:
        try:
            reach(service, seconds=AWAY_SECONDS)
        except UnreachableError as error:
            _LOG.warning("waiting", needs=str(error))


def collect_less_often() -> None:
    """A round makes thousands of lists and no cycles: looking through them for garbage takes a tenth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
