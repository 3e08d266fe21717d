"""``python -m benchmarks.calibrate``: what each step of the Dataflow job costs;
``stream/headrace/planning/capacity/calibration.toml``.

CPU time of one process on one core, by the job's own functions, without network or runner. What a step costs is fitted
as so much an event and so much a *part* (the rows of one micro-batch that belong to one shard), from large parts and
small ones. `read` and `bundle` are measured in Beam's own runner, as the difference of a long run and a short one.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import BytesCoder
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.util import BatchElements
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, ArrowRecordBatch, ArrowSchema

from headrace.beam.coders import MicroBatchCoder
from headrace.beam.packing import (
    PendingAppend,
    QueuedBatch,
    pack_batch,
    pack_pending,
    pack_queued,
    unpack_pending,
    unpack_queued,
)
from headrace.beam.pages import BAGS
from headrace.beam.read_messages import to_message
from headrace.beam.sharding import split_sealed
from headrace.beam.state import BagState, WorkerCache
from headrace.beam.state_bags import page_bag_specs, with_page_bags
from headrace.bigquery.write_streams import Rows
from headrace.core.message import Message
from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.sealed_messages import seal
from headrace.dev.demo import bookings, flights
from headrace.planning.capacity.needs import BUNDLES_A_CYCLE
from headrace.schemas.envelope import Envelope, to_micros
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from headrace.steps.append import request_bytes
from headrace.steps.decode.decode_messages import Decoder, decode
from headrace.steps.deduplicate import SeenIds
from headrace.steps.mask.mask_columns import Masker
from headrace.steps.mask.tokens import TokenKey
from headrace.steps.window import assign_windows
from tests.support.builders import encode
from tests.support.shard_state import the_ids

EVENTS: Final = 4000
BATCH: Final = 1000
WINDOW: Final = timedelta(minutes=1)
FEW, MANY = 4, 100  # shards; so 250 rows of a batch in a part, or 10
REPEATS: Final = int(os.environ.get("CALIBRATE_REPEATS", "7"))
REMEMBERED: Final = 200_000
KEY: Final = bytes(range(32))
HEAD, MARK, INDEX = (ReadModifyWriteStateSpec(name, BytesCoder()) for name in ("head", "mark", "index"))
QUEUE: Final = BagStateSpec("queue", BytesCoder())
PAGES: Final = page_bag_specs(BAGS)
APPEND: Final = TimerSpec("append", TimeDomain.WATERMARK)  # in a batch it fires at the end
EVENT_STEPS: Final = ("read", "decode", "seal", "mask", "window", "shuffle", "dedupe", "state", "row")
PART_STEPS: Final = ("shuffle", "dedupe", "state", "row")


def messages_of(registry: Registry, subject: str, now: datetime) -> list[Message]:
    """Real events of one kind, as they come from Pub/Sub."""
    contract = registry.latest(subject)
    if subject == flights.SUBJECT:
        events = list(flights.flights(EVENTS, now))
    else:
        events = [fields for _, fields in bookings.bookings(EVENTS, now, versions=(contract.ref.version,))]
    return [
        Message(
            subject,
            encode(contract, fields),
            Envelope(
                derive_event_id(contract, fields) or f"{number:036d}",
                contract.ref,
                contract.event_moment(fields) or now,
                "/calibrate",
            ).to_attributes(),
            f"{number:017d}",
            to_micros(now),
        )
        for number, fields in enumerate(events)
    ]


def micros(work: Callable[[], Any]) -> float:
    """CPU microseconds of *work*: the median of some runs, after one to warm up."""
    work()
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        taken.append((time.process_time() - began) * 1e6)
    return statistics.median(taken)


class Kind:
    """One kind of event on its way through the steps of the job."""

    def __init__(self, registry: Registry, subject: str, now: datetime) -> None:
        self.registry, self.subject, self.now = registry, subject, to_micros(now)
        self.contract = registry.latest(subject)
        self.messages = messages_of(registry, subject, now)
        self.decoder, self.masker = Decoder(registry, subject), Masker(self.contract, TokenKey(KEY))
        self.chunks = [self.messages[start : start + BATCH] for start in range(0, len(self.messages), BATCH)]
        self.decoded = [self.decode(chunk) for chunk in self.chunks]
        self.masked = [self.mask(batch) for batch in self.decoded]
        self.whole = [self.window(batch) for batch in self.masked]

    def decode(self, chunk: Sequence[Message]) -> MicroBatch:
        batch = decode(chunk, self.decoder, self.now).batch
        assert batch is not None
        return MicroBatch(batch.subject, batch.rows, batch.notes, seal(chunk, KEY))

    def mask(self, batch: MicroBatch) -> MicroBatch:
        return MicroBatch(batch.subject, self.masker.mask(batch.rows), batch.notes, batch.sealed)

    def window(self, batch: MicroBatch) -> MicroBatch:
        windowed = assign_windows(batch, self.contract, WINDOW).batch
        assert windowed is not None
        return windowed

    def parts(self, shards: int) -> list[MicroBatch]:
        return [part for batch in self.whole for _, part in split_sealed(batch, shards, KEY)]

    def front(self) -> dict[str, float]:
        """Microseconds an event of the steps before the shuffle."""
        work: dict[str, Callable[[], Any]] = {
            "decode": lambda: [decode(chunk, self.decoder, self.now) for chunk in self.chunks],
            "seal": lambda: [seal(chunk, KEY) for chunk in self.chunks],
            "mask": lambda: [self.masker.mask(batch.rows) for batch in self.decoded],
            "window": lambda: [self.window(batch) for batch in self.masked],
        }
        return {name: micros(each) / len(self.messages) for name, each in work.items()}

    def keyed(self, shards: int) -> dict[str, float]:
        """Microseconds of all events of the steps from the shuffle on, at so many shards."""
        coder, parts = MicroBatchCoder(), self.parts(shards)
        work: dict[str, Callable[[], Any]] = {
            "shuffle": lambda: [
                coder.decode(coder.encode(part)) for batch in self.whole for _, part in split_sealed(batch, shards, KEY)
            ],
            "dedupe": lambda: deduplicate(parts),
            "state": lambda: [through_state(part) for part in parts],
            "row": lambda: [as_request(part) for part in parts],
        }
        return {name: micros(each) for name, each in work.items()}


def deduplicate(parts: Sequence[MicroBatch]) -> None:
    """Decide and remember, each part as one (table, shard) with nothing remembered before."""
    ids = the_ids({}, WorkerCache())
    for part in parts:
        ids.seen().decide(part)
        ids.remember(part)


def through_state(part: MicroBatch) -> PendingAppend:
    """Into the queue, out of it, into the head, out of it."""
    queued = unpack_queued(pack_queued(QueuedBatch(part)))
    return unpack_pending(pack_pending(PendingAppend("a/stream", 0, 0, (queued.batch,))))


def as_request(part: MicroBatch) -> bytes:
    """The bytes that AppendRows sends."""
    rows = Rows.of(part.rows)
    request = AppendRowsRequest(write_stream="a/stream", offset=0)
    request.arrow_rows = AppendRowsRequest.ArrowData(
        writer_schema=ArrowSchema(serialized_schema=rows.schema),
        rows=ArrowRecordBatch(serialized_record_batch=rows.data),
    )
    data: bytes = AppendRowsRequest.serialize(request)
    return data


def fitted(few: float, many: float, events: int, batches: int) -> tuple[float, float]:
    """What was measured at FEW and at MANY shards, as so much an event and so much a part."""
    a_part = max(0.0, (many - few) / (batches * (MANY - FEW)))
    return max(0.0, few - a_part * batches * FEW) / events, a_part


def in_beam(pipeline: Callable[[beam.Pipeline, int], Any], count: int) -> float:
    """CPU microseconds that one more element costs in Beam's own runner, within this process."""

    def run(elements: int) -> float:
        began = time.process_time()
        with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as made:
            pipeline(made, elements)
        return (time.process_time() - began) * 1e6

    run(10)
    pairs = [(run(count), run(5 * count)) for _ in range(3)]
    return statistics.median((more - less) / (4 * count) for less, more in pairs)


class _KeyedFn(beam.DoFn):
    """Does with its state what the two bundles of a (table, shard) do at least: one that decides, one that appends."""

    def process(
        self,
        keyed: tuple[str, bytes],
        mark: Any = beam.DoFn.StateParam(MARK),
        queue: Any = beam.DoFn.StateParam(QUEUE),
        timer: Any = beam.DoFn.TimerParam(APPEND),
    ) -> None:
        mark.read()
        mark.write(b"")
        queue.add(keyed[1])
        timer.set(0)

    @on_timer(APPEND)
    @with_page_bags(PAGES)
    def append(
        self,
        mark: Any = beam.DoFn.StateParam(MARK),
        head: Any = beam.DoFn.StateParam(HEAD),
        index: Any = beam.DoFn.StateParam(INDEX),
        queue: Any = beam.DoFn.StateParam(QUEUE),
        **pages: BagState,
    ) -> None:
        mark.read(), head.read(), index.read()
        for each in queue.read():
            head.write(each)
        queue.clear()
        index.write(b"")


def bundle_micros() -> float:
    """What a bundle of one (table, shard) costs the runner's Python side: the mean of one that decides and one that
    appends."""

    def pipeline(made: beam.Pipeline, count: int) -> None:
        keyed = [(f"key{number}", b"x" * 100) for number in range(count)]
        step = _KeyedFn()  # type: ignore[no-untyped-call] # of DoFn
        made | beam.Create(keyed).with_output_types(tuple[str, bytes]) | beam.ParDo(step)

    return in_beam(pipeline, 500) / BUNDLES_A_CYCLE


def read_micros(messages: Sequence[Message]) -> float:
    """What one more message costs from its bytes to its place in a list: ToMessage and Batch."""
    encoded = [
        PubsubMessage(each.data, dict(each.attributes), each.message_id, datetime.now(UTC))._to_proto_str(False)
        for each in messages
    ]

    def pipeline(made: beam.Pipeline, count: int) -> None:
        chosen = (encoded * (count // len(encoded) + 1))[:count]
        (
            made
            | beam.Create(chosen, reshuffle=False)
            | beam.Map(lambda data: PubsubMessage(data, {}))
            | beam.Map(_taken_over)
            | BatchElements(min_batch_size=1, max_batch_size=5000)
            | beam.Map(len)
        )

    return in_beam(pipeline, 10_000)


def _taken_over(message: PubsubMessage) -> Message:
    read = PubsubMessage._from_proto_str(message.data)
    return to_message(read, "subject")


def id_bytes() -> float:
    """Memory of a worker for one remembered id."""
    keys = [number.to_bytes(16, "big") for number in range(REMEMBERED)]
    columns: list[Any] = [keys, range(REMEMBERED), *[[0] * REMEMBERED] * 5]
    notes = pa.RecordBatch.from_arrays([pa.array(c, f.type) for c, f in zip(columns, NOTES, strict=True)], schema=NOTES)
    batch, seen = MicroBatch("", notes, notes, b""), SeenIds()
    del keys, columns
    tracemalloc.start()
    seen.remember(batch)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / len(seen)


def lines(registry: Registry, now: datetime) -> Iterator[str]:
    """The file, line by line."""
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    cpu = models[0] if models else platform.machine()
    yield f'measured_at = "{now:%Y-%m-%d}"'
    yield f'machine = "{cpu}, one core of {os.cpu_count()}, {platform.system()}"'
    packages = ", ".join(f"{name} {version(name)}" for name in ("apache-beam", "pyarrow"))
    yield f'versions = "Python {platform.python_version()}, {packages}"'
    yield f"bundle_us = {bundle_micros():.0f}"
    yield f"id_bytes = {id_bytes():.0f}"
    for subject in (flights.SUBJECT, bookings.SUBJECT):
        yield ""
        yield from kind_lines(Kind(registry, subject, now))


def kind_lines(kind: Kind) -> Iterator[str]:
    """One kind of event."""
    count, batches = len(kind.messages), len(kind.chunks)
    events = kind.front() | {"read": read_micros(kind.messages)}
    few, many = kind.keyed(FEW), kind.keyed(MANY)
    parts = {}
    for step in PART_STEPS:
        events[step], parts[step] = fitted(few[step], many[step], count, batches)
    packed = [sum(len(pack_batch(part)) for part in kind.parts(shards)) for shards in (FEW, MANY)]
    packed_event, packed_part = fitted(packed[0], packed[1], count, batches)
    yield f"[{kind.subject}]"
    yield f"payload_bytes = {sum(len(m.data) for m in kind.messages) / count:.0f}"
    yield f"row_bytes = {sum(request_bytes(batch.rows) for batch in kind.whole) / count:.0f}"
    yield f"packed_event_bytes = {packed_event:.0f}"
    yield f"packed_part_bytes = {packed_part:.0f}"
    yield f"[{kind.subject}.event_us]"
    yield from (f"{step} = {events[step]:.2f}" for step in EVENT_STEPS)
    yield f"[{kind.subject}.part_us]"
    yield from (f"{step} = {parts[step]:.0f}" for step in PART_STEPS)


def main() -> None:
    for line in lines(Registry.load(SAMPLES), datetime.now(UTC)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
