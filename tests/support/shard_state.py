"""A table shard's surroundings, in memory: batches of things, state that can be copied, and BigQuery's streams."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
from google.rpc import code_pb2

from headrace.beam.append_queue import AppendQueue, unchanged
from headrace.beam.pages import PagedQueue
from headrace.beam.state import Ids, WorkerCache
from headrace.bigquery.append_result import Answer
from headrace.bigquery.write_streams import Rows
from headrace.core.message import Message
from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.sealed_messages import seal
from headrace.steps.decode.decode_messages import event_keys

KEY: Final = ("things", 0)
SEALING_KEY: Final = bytes(32)
LOST: Final = Answer(code_pb2.UNAVAILABLE)
TABLE: Final = "projects/p/datasets/d/tables/things"
StateValues = dict[str, tuple[bytes, ...]]


def a_message(event_id: str, content: str, published_at: int = 0) -> Message:
    return Message("things", content.encode(), {"ce-id": event_id}, "m", published_at)


def content_hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


def a_batch(messages: list[Message]) -> MicroBatch:
    ids = [message.attributes["ce-id"] for message in messages]
    columns: list[Any] = [
        event_keys(ids),
        [content_hash(message.data) for message in messages],
        [0] * len(ids),
        [message.published_at for message in messages],
        [message.first_published_at for message in messages],
        [0] * len(ids),
        range(len(ids)),
    ]
    notes = pa.RecordBatch.from_arrays([pa.array(c, f.type) for c, f in zip(columns, NOTES, strict=True)], schema=NOTES)
    rows = pa.RecordBatch.from_pydict({"id": ids, "content": [message.data.decode() for message in messages]})
    return MicroBatch("things", rows, notes, seal(messages, SEALING_KEY))


class State:
    """One value or bag in a bundle's copy of what is committed."""

    def __init__(self, state: StateValues, name: str) -> None:
        self._state, self._name = state, name

    def read_all(self) -> tuple[bytes, ...]:
        return self._state.get(self._name, ())

    def clear(self) -> None:
        self._state[self._name] = ()


class FakeBag(State):
    def read(self) -> Iterable[bytes]:
        return self.read_all()

    def add(self, value: bytes) -> None:
        there = dict.get(self._state, self._name, ())  # not read_all: adding reads no state
        self._state[self._name] = (value, *there)  # in no order that anyone may rely on


class FakeValue(State):
    def read(self) -> bytes | None:
        return next(iter(self.read_all()), None)

    def write(self, value: bytes) -> None:
        self._state[self._name] = (value,)


def the_ids(
    state: StateValues,
    cache: WorkerCache,
    class_: type[Ids] = Ids,
    budget: int = 10**6,
    comparable: frozenset[int] | None = None,
) -> Ids:
    """The ids remembered in *state*."""
    even, odd = FakeBag(state, "ids_even"), FakeBag(state, "ids_odd")
    metadata = FakeValue(state, "ids_metadata")
    return class_(key=KEY, even=even, odd=odd, metadata=metadata, cache=cache, budget=budget, comparable=comparable)


def the_queue(state: StateValues, bags: int = 3, class_: type[PagedQueue] = PagedQueue) -> PagedQueue:
    """The queue in *state*."""
    pages = [FakeBag(state, f"page_{number}") for number in range(bags)]
    return class_(FakeBag(state, "inbox"), FakeValue(state, "pending_append"), FakeValue(state, "pages_index"), pages)


def the_append_queue(
    state: StateValues,
    table: Table | Network,
    cache: WorkerCache | None = None,
    bags: int = 3,
    class_: type[AppendQueue] = AppendQueue,
    queue: type[PagedQueue] = PagedQueue,
    join: Callable[[Sequence[MicroBatch], int], Sequence[MicroBatch]] = unchanged,
) -> AppendQueue:
    """The append queue in *state*, of rows for *table*."""
    return class_(
        key=KEY,
        table=TABLE,
        existing_rows=table,
        cache=WorkerCache() if cache is None else cache,
        queue=the_queue(state, bags, queue),
        join=join,
    )


class Table:
    """COMMITTED streams with offsets, as BigQuery keeps them; *named* rows are refused by index, *unnamed* without.

    Streams that are *gone* take nothing and have no count; their rows stay. *asked*: how often it was queried.
    While it *is_away* no append is answered, or arrives. *clock* is BigQuery's time.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.clock = 0
        self.made = b"the table"
        self.is_away = False
        self.gone: set[str] = set()
        self.streams: dict[str, list[tuple[Any, ...]]] = {}
        self.finalised: set[str] = set()
        self.named: set[str] = set()
        self.unnamed: set[str] = set()

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return [row for rows in self.streams.values() for row in rows]

    def create(self, table: str) -> str:
        stream = f"{table}/streams/{len(self.streams)}"
        self.streams[stream] = []
        return stream

    def append(self, stream: str, offset: int, rows: Rows) -> Answer:
        if self.is_away:
            return LOST
        if stream in self.gone:
            return Answer(code_pb2.NOT_FOUND, "STREAM_NOT_FOUND")
        written = self.streams[stream]
        sent = pa.ipc.read_record_batch(pa.py_buffer(rows.data), pa.ipc.read_schema(pa.py_buffer(rows.schema)))
        values = [tuple(row.values()) for row in sent.to_pylist()]
        if stream in self.finalised:
            return Answer(code_pb2.INVALID_ARGUMENT, "STREAM_FINALIZED")
        if offset < len(written):
            return Answer(code_pb2.ALREADY_EXISTS, "OFFSET_ALREADY_EXISTS")
        if offset > len(written):
            return Answer(code_pb2.OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE")
        refused = {index: "FIELDS_ERROR" for index, (event_id, *_) in enumerate(values) if event_id in self.named}
        if refused:
            return Answer(code_pb2.INVALID_ARGUMENT, refused=refused)
        if any(event_id in self.unnamed for event_id, *_ in values):
            return Answer(code_pb2.INVALID_ARGUMENT)
        written += values
        return Answer()

    def finalise(self, stream: str) -> int | None:
        self.finalised.add(stream)
        return None if stream in self.gone else len(self.streams[stream])

    def is_empty(self) -> bool:
        self.asked += 1
        return not self.rows

    def identity(self) -> bytes:
        return self.made[:8]

    def recreate(self, made: bytes) -> None:
        """Drop the table with its streams, and make another of its name."""
        self.made = made
        self.gone |= set(self.streams)
        for rows in self.streams.values():
            rows.clear()

    def now(self) -> int:
        return self.clock

    def compare(self, rows: pa.RecordBatch) -> dict[int, bool]:
        self.asked += 1
        stored = dict(self.rows)
        sent = zip(rows.column("id").to_pylist(), rows.column("content").to_pylist(), strict=True)
        return {index: stored[id_] == content for index, (id_, content) in enumerate(sent) if id_ in stored}

    def count(self, rows: pa.RecordBatch) -> int:
        return len({row["id"] for row in rows.to_pylist()} & {event_id for event_id, *_ in self.rows})


class BundleLostError(Exception):
    """The worker died in the middle of a bundle."""


@dataclass
class Network:
    """The way to the table: requests and answers get lost, and appends arrive late."""

    real: Table
    random: random.Random
    trouble: float
    late: list[tuple[str, int, Rows]] = field(default_factory=list)

    def create(self, table: str) -> str:
        stream = self.real.create(table)
        self._perhaps_die()
        return stream

    def append(self, stream: str, offset: int, rows: Rows) -> Answer:
        if self.random.random() >= self.trouble:
            return self.real.append(stream, offset, rows)
        match self.random.randrange(4):
            case 0:
                return LOST
            case 1:
                self.late.append((stream, offset, rows))
                return LOST
            case 2:
                self.real.append(stream, offset, rows)
                return LOST
            case _:
                return Answer(code_pb2.PERMISSION_DENIED)

    def finalise(self, stream: str) -> int | None:
        rows = self.real.finalise(stream)
        self._perhaps_die()
        return rows

    def is_empty(self) -> bool:
        self._perhaps_die()
        return self.real.is_empty()

    def now(self) -> int:
        self._perhaps_die()
        return self.real.now()

    def identity(self) -> bytes:
        return self.real.identity()

    def compare(self, rows: pa.RecordBatch) -> dict[int, bool]:
        self._perhaps_die()
        return self.real.compare(rows)

    def count(self, rows: pa.RecordBatch) -> int:
        self._perhaps_die()
        return self.real.count(rows)

    def deliver_one(self) -> None:
        if self.late:
            self.real.append(*self.late.pop(self.random.randrange(len(self.late))))

    def _perhaps_die(self) -> None:
        if self.random.random() < self.trouble / 2:
            raise BundleLostError
