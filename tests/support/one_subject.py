"""One subject in this process, from a list of messages to a table in memory, for tests of its loop."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from google.cloud import bigquery
from google.rpc import code_pb2 as code

from headrace.bigquery.append_result import Answer
from headrace.bigquery.event_table import table_for
from headrace.bigquery.write_streams import Rows
from headrace.config.secrets import HeldKey
from headrace.core.message import Message
from headrace.core.micro_batch import from_ipc
from headrace.core.resource_names import Names
from headrace.engine.clients import Clients
from headrace.engine.journal import Journal
from headrace.engine.journal_lease import FencedError
from headrace.engine.prepare import Preparation, Prepared
from headrace.engine.pulled import Pulled
from headrace.engine.round_pipeline import open_stages
from headrace.engine.status import SubjectStatus
from headrace.engine.subject import SubjectLoop
from headrace.engine.task_steps import Steps
from headrace.job import Job
from headrace.schemas.registry import Contract, Registry
from tests.support.builders import MOMENT, a_contract, an_envelope, encode

SUBJECT = "thing_happened"
TABLE = "things"
NAMES = Names("p", "d")
NOW = int(MOMENT.timestamp() * 1_000_000)
LATER = 1e9  # seconds from now in which there is time
_Rule = Callable[[list[str]], Answer | None]


def things(**annotations: Any) -> Contract:
    """A contract of a size and a city, both of which may be any."""
    return a_contract(("size", ["null", "int"], {"default": None}), ("city", "string"), **annotations)


def an_event(event_id: str, city: str = "Rome", message_id: str = "", contract: Contract | None = None) -> Message:
    """A message, published at NOW; its id is that of the event unless another is given."""
    contract = contract or things()
    attributes = an_envelope(schema=contract.ref, event_time=MOMENT).to_attributes() | {"ce-id": event_id}
    data = encode(contract, {"size": 1, "city": city, "at": MOMENT})
    return Message(SUBJECT, data, attributes, message_id or event_id, NOW)


def an_unreadable(message_id: str) -> Message:
    """A message without an envelope."""
    return Message(SUBJECT, b"\xff", {}, message_id, NOW)


def a_job(registry: Registry, ids_remembered: int = 1000) -> Job:
    """The job of *registry*, whose clock is stopped a second after NOW."""
    return Job(
        registry=registry,
        project=NAMES.project,
        tables={each: NAMES.table(registry.latest(each).options.table) for each in registry.subjects},
        tallies_table=NAMES.table("headrace_tallies"),
        dead_letter_topic=NAMES.dead_letter_topic,
        name="headrace",
        window=timedelta(minutes=1),
        shards=1,
        ids_remembered=ids_remembered,
        clock=lambda: NOW + 1_000_000,
        masking_key=HeldKey(bytes(range(32))),
        masking_key_version="1",
    )


@dataclass
class AStream:
    """One write stream, into the rows of the table that it was opened for."""

    into: list[pa.RecordBatch]
    end: int = 0
    finalised: bool = False


class Selected(list[dict[str, Any]]):
    """What a query gives."""

    def to_arrow_iterable(self) -> Iterator[pa.RecordBatch]:
        if self:
            yield pa.RecordBatch.from_pylist(self)


class BigQuery:
    """One table and its streams. *named* events are refused by name; *rules* answer the next appends, or let them be.

    Streams to a table that was recreated go on taking rows, which never appear.
    """

    def __init__(self, contract: Contract) -> None:
        self.schema = table_for(contract, NAMES.project, NAMES.dataset).schema
        self.batches: list[pa.RecordBatch] = []
        self.streams: dict[str, AStream] = {}
        self.rules: deque[_Rule] = deque()
        self.named: set[str] = set()
        self.created = 1
        self.looks = 0
        self.asked: list[str] = []

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for batch in self.batches for row in batch.to_pylist()]

    @property
    def ids(self) -> list[str]:
        return [row["_event_id"] for row in self.rows]

    def recreate(self) -> None:
        """Drop the table, and make another of its name."""
        self.created += 1
        self.batches = []

    # As the client.

    def get_table(self, name: str, **_: Any) -> bigquery.Table:
        self.looks += 1
        table = bigquery.Table(name, self.schema)
        table._properties |= {"creationTime": str(self.created), "numRows": str(len(self.rows))}
        return table

    def query_and_wait(self, query: str, job_config: Any = None, **_: Any) -> Selected:
        if "CURRENT_TIMESTAMP" in query:
            return Selected([{"now": datetime.fromtimestamp(NOW / 1e6, UTC)}])
        if "1 AS one" in query:
            return Selected([{"one": 1} for _ in self.rows[:1]])
        wanted = set[str]()
        for each in job_config.query_parameters:
            if each.name == "ids":
                wanted.update(each.values)
                self.asked += each.values if "DISTINCT" in query else []
            elif each.name.startswith("i"):  # rows that were written lately: are they still there?
                wanted.add(each.value)
        found = [row for row in self.rows if row["_event_id"] in wanted]
        if "DISTINCT" in query:
            return Selected([{"id": row["_event_id"]} for row in found])
        return Selected([{name: row[name] for name in row if f"`{name}`" in query} for row in found])

    # As write streams.

    def create(self, table: str) -> str:
        name = f"{table}/streams/{len(self.streams)}"
        self.streams[name] = AStream(self.batches)
        return name

    def finalise(self, stream: str) -> int | None:
        if stream not in self.streams:
            return None
        self.streams[stream].finalised = True
        return self.streams[stream].end

    def append(self, stream: str, offset: int, rows: Rows, meanwhile: Callable[[], object]) -> Answer:
        meanwhile()
        batch = pa.ipc.read_record_batch(pa.py_buffer(rows.data), pa.ipc.read_schema(pa.py_buffer(rows.schema)))
        ids = batch.column("_event_id").to_pylist()
        scripted = self.rules.popleft()(ids) if self.rules else None
        if scripted is not None:
            return scripted
        there = self.streams.get(stream)
        if there is None or there.finalised:
            return Answer(code.NOT_FOUND, "STREAM_NOT_FOUND")
        if offset != there.end:
            return Answer(code.ALREADY_EXISTS if offset < there.end else code.OUT_OF_RANGE)
        if refused := {index: "FIELDS_ERROR" for index, each in enumerate(ids) if each in self.named}:
            return Answer(code.INVALID_ARGUMENT, refused=refused)
        there.into.append(batch)
        there.end += batch.num_rows
        return Answer()


class Publisher:
    """Keeps what is published to it; *rules* are called before."""

    def __init__(self) -> None:
        self.published: list[Mapping[str, str]] = []
        self.topics: set[str] = set()
        self.rules: deque[Callable[[], None]] = deque()

    def publish(self, topic: str, messages: Sequence[Any], **_: Any) -> None:
        if self.rules:
            self.rules.popleft()()
        self.topics.add(topic)
        self.published += [dict(each.attributes) for each in messages]

    @property
    def letters(self) -> list[tuple[str, str]]:
        """The message and the reason of each letter."""
        return [(each["headrace-dl-message-id"], each["headrace-dl-reason"]) for each in self.published]


class Source:
    """Messages that wait to be taken, those given together at once. Who is busy gets nothing of fewer than *enough*."""

    def __init__(self, stop: threading.Event, finite: bool) -> None:
        self._stop = stop
        self.finite = finite
        self.drained_at = 0
        self.enough = 1
        self.waiting: deque[Pulled] = deque()
        self.taken_while_busy: list[str] = []
        self.acknowledged: list[str] = []

    def give(self, *messages: Message) -> None:
        self.waiting.append(Pulled(list(messages), [each.message_id for each in messages], 0.0))

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        if self.finite and not self.waiting:
            self._stop.set()
        if not self.waiting or (wait_seconds is None and len(self.waiting) < self.enough):
            return []
        pulled = self.waiting.popleft()
        if wait_seconds is None:
            self.taken_while_busy += pulled.ack_ids
        return [pulled]

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        self.acknowledged += [ack_id for each in pulled for ack_id in each.ack_ids]


class Preparer:
    """Prepares up to *at_once* messages together; *before* each time something may happen, or be raised."""

    def __init__(self, job: Job) -> None:
        self._preparation = Preparation(job.registry, SUBJECT, job.window, job.token_key())
        self.at_once = 1000
        self.before: deque[Callable[[], None]] = deque()

    def prepare(self, messages: Sequence[Message], now: int) -> Prepared:
        if self.before:
            self.before.popleft()()
        prepared = self._preparation.prepare(messages[: self.at_once], now)
        return replace(prepared, left=len(messages[self.at_once :]))

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        yield from serve()


class DiedError(Exception):
    """The process ended here."""


def dies(ids: list[str]) -> Answer | None:
    """Before anything is appended."""
    raise DiedError


def is_away(ids: list[str]) -> Answer | None:
    """Nothing is written, and no answer comes."""
    return Answer(code.UNAVAILABLE)


@dataclass
class OneSubject:
    """A subject's loop with all that it talks to; the journal and BigQuery outlive it."""

    journal: Journal
    contract: Contract = field(default_factory=things)
    ids_remembered: int = 1000
    finite: bool = False
    begins_in: float = LATER
    bigquery: BigQuery = field(init=False)
    publisher: Publisher = field(default_factory=Publisher)
    taken_over: bool = False

    def __post_init__(self) -> None:
        self.bigquery = BigQuery(self.contract)
        self.begin()

    def begin(self) -> None:
        """As a process does that is started; :meth:`recover` comes next."""
        job = a_job(Registry({self.contract.ref: self.contract}), self.ids_remembered)
        self.stop, self.status = threading.Event(), SubjectStatus(SUBJECT)
        self.source, self.preparer = Source(self.stop, self.finite), Preparer(job)
        wire: Any = (self.publisher, self.bigquery, self.bigquery)
        source: Any = self.source
        self.loop = SubjectLoop(
            job,
            SUBJECT,
            names=NAMES,
            journal=self.journal,
            clients=Clients(*wire),
            source=source,
            preparer=self.preparer,
            status=self.status,
            stop=self.stop,
            fence=self,
            round_messages=5000,
            wake=lambda: None,
            begins_at=time.monotonic() + self.begins_in,
        )

    def restarted(self) -> OneSubject:
        """The next process, which has recovered."""
        self.begin()
        self.recover()
        return self

    def recover(self) -> None:
        """Settle what an earlier process left open."""
        list(self.loop.recover())

    def ingest(self, *messages: Message) -> None:
        """Give messages together, and run until nothing is left to do."""
        self.source.give(*messages)
        self.run()

    def run(self, *then: Callable[[], None]) -> list[float | None]:
        """Run. Each time there is nothing to do the next of *then* happens, and at last the loop is stopped.

        Returns how long the loop would have waited each time.
        """
        self.stop.clear()
        waits: list[float | None] = []
        events = iter(then)
        with open_stages(1) as stages:
            for turn, wait in enumerate(self.loop.run(stages)):
                assert turn < 100, "it goes round and round"
                if wait != 0.0:
                    waits.append(wait)
                    next(events, self.stop.set)()
        assert next(events, None) is None, "it ended before"
        return waits

    def counts(self) -> Counter[str]:
        """What the journal has counted, by reason where there is one."""
        found: Counter[str] = Counter()
        for counts in self.journal.tallies()[1]:
            for line in from_ipc(counts).to_pylist():
                found[line["reason"] or line["outcome"]] += line["events"]
        return found

    # As the fence.

    def check(self) -> None:
        if self.taken_over:
            raise FencedError("taken over")

    def announce(self, stream: str) -> None:
        self.check()
