"""The embedded engine for given settings: opens its clients and starts nothing."""

from __future__ import annotations

import os
import socket
import threading
from functools import partial

from google.cloud.bigquery import Client

from headrace.bigquery.completeness_view import known_complete
from headrace.bigquery.write_streams import WriteStreams
from headrace.config.settings import Settings
from headrace.engine.clients import EngineClients
from headrace.engine.embedded import Embedded
from headrace.engine.journal import Journal
from headrace.engine.sources import OpenSource, from_subscriptions
from headrace.job import Job
from headrace.pubsub.job_subscription import look_at_letters
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber, open_write
from headrace.runtime.reachability import JOB, reach


def build_engine(settings: Settings, job: Job, journal: Journal) -> Embedded:
    """Return the embedded engine that reads subscriptions, not started."""
    client = open_bigquery(settings.project)
    complete_until = known_complete(client, settings.names)
    open_source = from_subscriptions(job, settings.names, journal, open_subscriber, complete_until)
    return _engine(settings, job, journal, client, open_source, _here(), threading.Event(), once=False)


def build_backfill_engine(
    settings: Settings, job: Job, journal: Journal, client: Client, open_source: OpenSource, stop: threading.Event
) -> Embedded:
    """Return the engine of a backfill, for what *open_source* gives, not started."""
    reach(*JOB)
    return _engine(settings, job, journal, client, open_source, f"a backfill on {_here()}", stop, once=True)


def _engine(
    settings: Settings,
    job: Job,
    journal: Journal,
    client: Client,
    open_source: OpenSource,
    holder: str,
    stop: threading.Event,
    *,
    once: bool,
) -> Embedded:
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
        open_source=open_source,
        holder=holder,
        lease_seconds=settings.lease_seconds,
        round_messages=settings.round_messages,
        location=settings.location,
        stop=stop,
        once=once,
    )


def _here() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"
