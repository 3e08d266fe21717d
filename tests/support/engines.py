"""The embedded engine on a warehouse in memory, with messages that a test hands out."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from headrace.bigquery.event_table import table_for
from headrace.bigquery.service_tables import engines_table, tallies_table
from headrace.config.secrets import HeldKey
from headrace.core.message import Message
from headrace.core.resource_names import TALLIES, Names
from headrace.engine.clients import EngineClients
from headrace.engine.embedded import Embedded
from headrace.engine.journal import Journal
from headrace.engine.prepare import Preparation, Prepared
from headrace.engine.pulled import Pulled
from headrace.engine.scheduler import Scheduler
from headrace.engine.status import SubjectStatus
from headrace.engine.task_steps import Steps, Wake
from headrace.job import Job
from headrace.runtime.clock import now_micros
from headrace.schemas.envelope import Envelope
from headrace.schemas.registry import Contract, Registry
from tests.support.bigquery_in_memory import Streams, Warehouse
from tests.support.builders import encode
from tests.support.jobs import wait_for

KEY = HeldKey(bytes(range(32)))
NAMES = Names("p")
_IDS = count()


def a_message(contract: Contract, **fields: Any) -> Message:
    """A message of now, with an id of its own."""
    now, name = datetime.now(UTC), f"e{next(_IDS)}"
    attributes = Envelope(name, contract.ref, now, "/test").to_attributes()
    return Message(contract.subject, encode(contract, {"at": now} | fields), attributes, name, now_micros())


class Given:
    """A source of what a test gives; *happened* says what was asked of it."""

    def __init__(self, finite: bool) -> None:
        self.finite = finite
        self.drained_at = 0
        self.happened: list[str] = []
        self.acknowledged: list[str] = []
        self.wrong: list[str] = []
        self.on_acknowledge: Callable[[], None] = lambda: None
        self._waiting: deque[Message] = deque()
        self._wake: Wake = lambda: None

    def give(self, *messages: Message) -> None:
        self._waiting.extend(messages)
        self._wake()

    def start(self, scheduler: Scheduler, wake: Wake) -> None:
        self.happened.append("start")
        self._wake = wake

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        if self.happened[-1] != "start" or not self._waiting:
            return []
        messages = [self._waiting.popleft() for _ in range(min(at_most, len(self._waiting)))]
        return [Pulled(messages, [each.message_id for each in messages], 0.0)]

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        self.acknowledged += [ack for each in pulled for ack in each.ack_ids]
        self.on_acknowledge()

    def wind_down(self) -> None:
        if self.happened[-1:] == ["start"]:
            self.happened.append("wind down")

    def stop(self) -> None:
        self.happened.append("stop")

    def look(self) -> list[str]:
        return self.wrong

    def settle_gaps(self, commit: Callable[[Any], None]) -> None:
        """None is missing."""


@dataclass
class Preparer:
    """As the real ones; raises each of *failures* first, the last one first."""

    preparation: Preparation
    failures: list[BaseException]

    def prepare(self, messages: Sequence[Message], now: int) -> Prepared:
        if self.failures:
            raise self.failures.pop()
        return self.preparation.prepare(messages, now)

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        yield from serve()


@dataclass
class World:
    """What engines of one project share; each has a journal in *folder*."""

    folder: Path
    contracts: Sequence[Contract]
    blocked: dict[str, Any] = field(default_factory=dict)
    masking_key_version: str = "1"
    names: Names = NAMES
    clock: Callable[[], int] = now_micros

    def __post_init__(self) -> None:
        self.registry = Registry({each.ref: each for each in self.contracts}).blocking(self.blocked)
        self.warehouse = Warehouse(lambda: self.clock())
        self.streams, self.claim_streams = Streams(self.warehouse), Streams(self.warehouse)
        self.letters_wrong: list[str] = []
        self.sources: dict[str, Given] = {}
        self.failures: dict[str, list[BaseException]] = {}
        self.ready_at_begin: list[bool] = []
        project, dataset = self.names.project, self.names.dataset
        for make in (engines_table, tallies_table):
            self.warehouse.make(make(project, dataset))
        for each in self.contracts:
            self.warehouse.make(table_for(each, project, dataset))

    def job(self) -> Job:
        tables = {each.subject: self.names.table(each.options.table) for each in self.contracts}
        return Job(
            registry=self.registry,
            project=self.names.project,
            tables=tables,
            tallies_table=self.names.table(TALLIES),
            dead_letter_topic=self.names.dead_letter_topic,
            name="test",
            window=timedelta(minutes=1),
            shards=1,
            ids_remembered=1000,
            clock=lambda: self.clock(),
            masking_key=KEY,
            masking_key_version=self.masking_key_version,
        )

    def engine(self, journal: str = "journal", lease_seconds: float = 30.0, **changes: Any) -> Embedded:
        job = self.job()

        def open_source(job: Job, subject: str, status: SubjectStatus, stop: threading.Event) -> tuple[Given, Preparer]:
            self.ready_at_begin.append(status.ready)
            source = self.sources.setdefault(subject, Given(finite=changes.get("once", False)))
            preparation = Preparation(job.registry, subject, job.window, job.token_key())
            return source, Preparer(preparation, self.failures.setdefault(subject, []))

        clients: Any = {
            "open_publisher": lambda: None,
            "bigquery": self.warehouse,
            "streams": self.streams,
            "claim_streams": self.claim_streams,
            "letters": lambda: self.letters_wrong,
        }
        return Embedded(
            job=job,
            names=self.names,
            journal=Journal.open(self.folder / journal),
            clients=EngineClients(**clients),
            open_source=open_source,
            holder=f"the engine of {journal}",
            lease_seconds=lease_seconds,
            round_messages=100,
            location="EU",
            **changes,
        )

    def source(self, contract: Contract) -> Given:
        """Where messages of *contract* come from, once its subject has begun."""
        wait_for(lambda: "start" in getattr(self.sources.get(contract.subject), "happened", ()), 10)
        return self.sources[contract.subject]

    def claims(self) -> list[dict[str, Any]]:
        """What engines stated, in order."""
        return list(self.warehouse.rows("headrace_engines"))


@dataclass
class Running:
    """An engine in a thread of its own; *error* is what ended it."""

    engine: Embedded
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.engine.run()
        except BaseException as error:
            self.error = error

    def has_ended(self, seconds: float = 15.0) -> bool:
        """Wait for its end; whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()


def what_ends(engine: Embedded) -> BaseException | None:
    """Run an engine that is to end by itself; what it raised."""
    run = Running(engine)
    if not run.has_ended():
        engine.stop.set()
        raise AssertionError("it goes on")
    return run.error


@contextmanager
def running(engine: Embedded) -> Iterator[Running]:
    """Run *engine*, drain it at the end, and raise what it raised."""
    run = Running(engine)
    try:
        yield run
    finally:
        engine.stop.set()
        has_ended = run.has_ended()
    assert has_ended, "it does not end"
    if run.error is not None:
        raise run.error
