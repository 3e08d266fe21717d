"""The embedded engine for given settings: opens its clients and starts nothing."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from google.cloud.bigquery import Client

from headrace.bigquery.completeness_view import known_complete
from headrace.bigquery.write_streams import WriteStreams
from headrace.config.registry_access import access_of
from headrace.config.settings import Settings
from headrace.core.resource_names import Names
from headrace.engine.clients import EngineClients
from headrace.engine.contract_watch import ContractWatch
from headrace.engine.embedded import Embedded
from headrace.engine.journal import Journal
from headrace.engine.status import CONTRACTS, SubjectStatus
from headrace.job import Job
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber, open_write
from headrace.runtime.reachability import JOB, reach
from headrace.schema_registry.id_rules import id_spaces
from headrace.schema_registry.served_ids import ServedIds
from headrace.schemas.registry import Registry

if TYPE_CHECKING:  # imported while the claim is taken
    from headrace.engine.sources import OpenSource, Preparer, Source


def build_engine(
    settings: Settings, job: Job, journal: Journal, load_contracts: Callable[[], Registry] | None = None
) -> Embedded:
    """Return the embedded engine that reads subscriptions, not started.

    With *load_contracts*, it takes new versions of its contracts while it runs.
    """
    client = open_bigquery(settings.project)
    complete_until = known_complete(client, settings.names)

    stop = threading.Event()
    served_ids = _served_ids(settings, job, stop)

    @cache
    def opened() -> OpenSource:
        from headrace.engine.sources import from_subscriptions  # imports the client of Pub/Sub
        from headrace.runtime.bucket_objects import BucketReader

        return from_subscriptions(
            engine.contracts,
            settings.names,
            journal,
            open_subscriber,
            complete_until,
            open_publisher=lambda: engine.clients.publisher,
            status_of=lambda subscription: engine.status.subjects[subscription],
            served_ids=served_ids,
            read_objects=BucketReader(settings.large_events) if settings.large_events else None,
        )

    def open_source(job: Job, subject: str, status: SubjectStatus, stop: threading.Event) -> tuple[Source, Preparer]:
        return opened()(job, subject, status, stop)

    engine = _engine(
        settings,
        job,
        journal,
        client,
        open_source,
        _here(),
        stop,
        once=False,
        prepare=opened,
    )
    if served_ids is not None:
        engine.watches["schema registry"] = served_ids.watch.run
    if load_contracts is not None and settings.contracts is not None:
        status = engine.status.subjects[CONTRACTS]
        engine.watches[CONTRACTS] = ContractWatch(settings.contracts, load_contracts, engine.contracts, status).run
    return engine


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
    prepare: Callable[[], object] = lambda: None,
) -> Embedded:
    write = open_write(settings.project)
    clients = EngineClients(
        open_publisher=open_gapic_publisher,
        bigquery=client,
        streams=WriteStreams(write, settings.append_seconds),
        claim_streams=WriteStreams(write, min(settings.append_seconds, settings.lease_seconds / 3)),
        letters=_look_at_letters(settings.names),
    )

    def prepare_all() -> None:
        import_module("headrace.engine.loops")  # with Arrow's functions, AnyIO and the client of Pub/Sub
        clients.for_subject()
        prepare()

    return Embedded(
        job=job,
        names=settings.names,
        journal=journal,
        clients=clients,
        open_source=open_source,
        holder=holder,
        lease_seconds=settings.lease_seconds,
        round_messages=settings.round_messages,
        location=settings.location,
        stop=stop,
        once=once,
        prepare=prepare_all,
    )


def _served_ids(settings: Settings, job: Job, stop: threading.Event) -> ServedIds | None:
    """Return the schema ids of the job; None if no registry is named, or no payload carries ids."""
    named, spaces = settings.schema_registry, id_spaces(job.registry)
    access = access_of(named) if spaces else None
    if access is None:
        return None
    return ServedIds(access, settings.journal, spaces, stop)


def _look_at_letters(names: Names) -> Callable[[], list[str]]:
    """Return a function that looks at the place of dead letters, with a client that is opened when it is called."""
    subscriber = cache(open_subscriber)

    def look() -> list[str]:
        from headrace.pubsub.job_subscription import look_at_letters

        return look_at_letters(subscriber(), names)

    return look


def _here() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"
