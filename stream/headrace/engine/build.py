"""The embedded engine for given settings: opens its clients and starts nothing."""

from __future__ import annotations

import gc
import os
import socket
import threading
from functools import partial

from google.cloud.bigquery import Client

from headrace.bigquery.completeness_view import known_complete
from headrace.bigquery.write_streams import WriteStreams
from headrace.config.settings import Settings
from headrace.engine.embedded import Embedded, EngineClients
from headrace.engine.journal import Journal
from headrace.engine.sources import Intake, from_subscriptions
from headrace.job import Job
from headrace.pubsub.job_subscription import look_at_letters
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber, open_write
from headrace.runtime.reachability import JOB, reach


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


def engine_of(
    settings: Settings, job: Job, journal: Journal, client: Client, intake: Intake, stop: threading.Event
) -> Embedded:
    """The engine for what *intake* gives, not started."""
    reach(*JOB)
    write = open_write(settings.project)
    return Embedded(
        job=job,
        names=settings.names,
        journal=journal,
        clients=EngineClients(
            publisher=open_gapic_publisher(),
            bigquery=client,
            streams=WriteStreams(write, settings.append_seconds),
            claim_streams=WriteStreams(write, min(settings.append_seconds, settings.lease_seconds / 3)),
            letters=partial(look_at_letters, open_subscriber(), settings.names),
        ),
        intake=intake,
        holder=f"a backfill on {socket.gethostname()}, process {os.getpid()}",
        lease_seconds=settings.lease_seconds,
        round_messages=settings.round_messages,
        location=settings.location,
        stop=stop,
        once=True,
    )


def collect_less_often() -> None:
    """A round makes thousands of lists and no cycles: looking through them for garbage takes a tenth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
