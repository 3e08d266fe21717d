"""The whole service in one process, on the emulators, for tests that follow an event from end to end."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1.types import PubsubMessage

from headrace.config.secrets import HeldKey
from headrace.config.settings import Settings
from headrace.core.resource_names import Names
from headrace.engine.build import build_engine
from headrace.engine.embedded import Embedded
from headrace.engine.journal import Journal
from headrace.job import job_for
from headrace.provision import Clients, apply, plan
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

KEY = bytes(range(32))


@dataclass
class Service:
    """A provisioned project."""

    registry: Registry
    settings: Settings
    clock: Callable[[], int] = now_micros

    @property
    def names(self) -> Names:
        return self.settings.names

    def provision(self) -> int:
        clients = Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(self.settings.project))
        changes = plan(self.registry, self.names, "EU", clients, self.settings.masking_key_version)
        apply(changes)
        return len(changes)

    def publish(self, subject: str, messages: Sequence[tuple[bytes, dict[str, str]]]) -> None:
        publisher = open_gapic_publisher()
        wire = [PubsubMessage(data=data, attributes=attributes) for data, attributes in messages]
        for start in range(0, len(wire), 500):
            publisher.publish(topic=self.names.topic(subject), messages=wire[start : start + 500])

    def engine(self) -> Embedded:
        job = job_for(self.settings, self.registry, HeldKey(KEY), self.clock)
        return build_engine(self.settings, job, Journal.open(self.settings.journal))

    def run_until(self, acknowledged: int) -> Embedded:
        """Run the job until so many messages are acknowledged, then drain it."""
        return self.run_when(lambda engine: engine.progress.acknowledged >= acknowledged)

    def run_when(
        self,
        done: Callable[[Embedded], bool],
        change: Callable[[Embedded], None] = lambda engine: None,
        seconds: float = 120,
    ) -> Embedded:
        """Run the job until something holds, at most for *seconds*, then drain it; *change* it before it is started."""
        engine = self.engine()
        change(engine)

        def stop_when_done(progress: Any) -> None:
            if done(engine):
                engine.stop.set()

        engine.on_progress = stop_when_done
        with _giving_up(engine, seconds):
            engine.run()
        return engine

    def rows(self, table: str, columns: str = "*") -> list[dict[str, Any]]:
        query = f"SELECT {columns} FROM {self.names.sql(table)}"
        return [dict(row.items()) for row in open_bigquery(self.settings.project).query_and_wait(query)]

    def dead_letters(self, count: int) -> list[PubsubMessage]:
        """Wait for *count* dead letters, acknowledge and return them."""
        subscriber = open_subscriber()
        subscription = self.names.dead_letter_subscription
        letters: list[PubsubMessage] = []
        while len(letters) < count:
            response = subscriber.pull(subscription=subscription, max_messages=1000, timeout=30)
            subscriber.acknowledge(
                subscription=subscription, ack_ids=[each.ack_id for each in response.received_messages]
            )
            letters += [each.message for each in response.received_messages]
        return letters

    def waiting(self, subject: str) -> int:
        """How many messages a pull still finds."""
        try:
            response = open_subscriber().pull(
                subscription=self.names.subscription(subject), max_messages=1000, timeout=2, retry=None
            )
        except DeadlineExceeded:
            return 0
        return len(response.received_messages)


def a_service(project: str, registry: Registry | None = None, **settings: Any) -> Service:
    """A service, of the sample contracts unless others are given, provisioned."""
    journal = settings.pop("journal", None) or Path(tempfile.mkdtemp(prefix="headrace-journal-"))
    used = Settings(project=project, contracts=SAMPLES, journal=journal, **settings)
    service = Service(registry or Registry.load(SAMPLES), used)
    service.provision()
    return service


@contextmanager
def _giving_up(engine: Embedded, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, engine.stop.set)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
