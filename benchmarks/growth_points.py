"""One point of one curve: ``python -m benchmarks.growth_points <curve> <value>`` prints it as a JSON object.

*us* is microseconds of processor time an event, *rss_mib* the memory of this process at the end (for tables: the most
that the engine had).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from benchmarks import contracts
from benchmarks.tables import tables_point
from headrace.beam.sharding import split_sealed
from headrace.bigquery.write_streams import Rows
from headrace.core.message import Message
from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.sealed_messages import seal
from headrace.dev.bench.figures import spread
from headrace.engine.prepare import Preparation
from headrace.runtime.clock import now_micros
from headrace.schemas.registry import Registry
from headrace.steps.deduplicate import SeenIds
from headrace.steps.mask.tokens import TokenKey

ROUND: Final = 1000  # messages
ROUNDS: Final = 40
WARM: Final = 3
MOST_BYTES: Final = 8_000_000  # of one round
BUDGET: Final = 2_000_000  # ids remembered, as by default
WINDOW: Final = timedelta(minutes=1)
KEY: Final = os.urandom(32)
Point = dict[str, Any]


class Line:
    """One subject's way from messages to bytes, with what it remembers."""

    def __init__(self, registry: Registry, subject: str) -> None:
        self._preparation = Preparation(registry, subject, WINDOW, TokenKey(KEY))
        self._seen = SeenIds(budget=BUDGET)

    def take(self, messages: Sequence[Message]) -> Rows:
        """What the engine does with a round, without journal and network."""
        batch = self._preparation.prepare(messages, now_micros()).batch
        if batch is None:
            raise ValueError(f"all {len(messages)} messages were refused")
        new = batch.take(self._seen.decide(batch).new)
        self._seen.remember(new)
        if self._seen.is_due():
            self._seen.turn()
        return Rows.of(new.rows)


def timed(work: Callable[[], Any], events: int) -> float:
    """Microseconds an event of processor time."""
    began = time.process_time_ns()
    work()
    return (time.process_time_ns() - began) / 1000 / events


def point(took: Sequence[float], **more: Any) -> Point:
    """The median and quartiles of rounds."""
    all_ = spread(took[WARM:])
    return {"us": round(all_.median, 3), "us_quartiles": all_.rounded(3), "rss_mib": resident(), **more}


def resident() -> float:
    """Memory at this moment, in MiB."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)


def rounds(messages: Iterator[Message], size: int, count: int) -> Iterator[list[Message]]:
    """Lists of *size* messages."""
    for _ in range(count):
        yield list(islice(messages, size))


def events(value: int) -> Point:
    """Time of all rounds together, and memory at the end: neither may bend."""
    registry, subject = contracts.flights()
    line, took = Line(registry, subject), []
    for messages in rounds(contracts.flight_messages(), ROUND, value // ROUND):
        took.append(timed(partial(line.take, messages), ROUND))
    last = spread(took[-max(1, len(took) // 10) :])
    mean = sum(took) / len(took)
    return {**point(took), "mean_us": round(mean, 3), "last_tenth_us": round(last.median, 3)}


def payload(value: int) -> Point:
    """A text of *value* bytes beside an id and a time."""
    return _of_contract(*contracts.with_text(value), value)


def fields(value: int) -> Point:
    """*value* fields of six types in turn."""
    return _of_contract(*contracts.with_fields(value), value * 12)


def _of_contract(registry: Registry, subject: str, messages: Iterator[Message], bytes_: int) -> Point:
    line, size = Line(registry, subject), max(20, min(ROUND, MOST_BYTES // bytes_))
    took = [timed(partial(line.take, each), size) for each in rounds(messages, size, ROUNDS)]
    return point(took, round_messages=size)


def subjects(value: int) -> Point:
    """*value* subjects that share a round evenly: the more there are, the smaller is each one's batch."""
    registry, names, messages = contracts.many_flights(value)
    began = time.process_time()
    lines = {name: Line(registry, name) for name in names}
    compiled = time.process_time() - began
    each = ROUND // value
    took = []
    for _ in range(ROUNDS):
        batches = [(lines[name], list(islice(messages[name], each))) for name in names]
        took.append(timed(partial(_take_all, batches), each * value))
    return point(took, batch=each, compile_ms_each=round(compiled / value * 1000, 2))


def _take_all(batches: Sequence[tuple[Line, list[Message]]]) -> list[Rows]:
    return [line.take(batch) for line, batch in batches]


def ids(value: int) -> Point:
    """Decide on rounds beside so many ids that are remembered: half of a round is known."""
    empty = resident()
    seen = SeenIds(budget=2 * value)  # a generation that is full, and none is forgotten
    for start in range(0, value, 10_000):
        seen.remember(_notes(range(start, start + 10_000)))
    full = resident()
    took = []
    for number in range(ROUNDS):
        known = range(number * 500, number * 500 + 500)
        batch = _notes([*known, *range(value + number * 500, value + number * 500 + 500)])

        def decide(batch: MicroBatch = batch) -> None:
            seen.remember(batch.take(seen.decide(batch).new))

        took.append(timed(decide, ROUND))
    return point(took, bytes_an_id=round((full - empty) * 2**20 / value, 1))


def _notes(numbers: Sequence[int]) -> MicroBatch:
    keys = [(number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16, "big") for number in numbers]
    columns: dict[str, Sequence[Any]] = {"event_key": keys, "content_hash": list(numbers)}
    arrays = [pa.array(columns.get(f.name, [0] * len(numbers)), f.type) for f in NOTES]
    notes = pa.RecordBatch.from_arrays(arrays, schema=NOTES)
    return MicroBatch("s", pa.RecordBatch.from_arrays([arrays[1]], ["n"]), notes, b"")


def shards(value: int) -> Point:
    """Flights cut by shard as on Dataflow: messages sealed, split, decided and encoded shard by shard."""
    registry, subject = contracts.flights()
    preparation, seen = Preparation(registry, subject, WINDOW, TokenKey(KEY)), [SeenIds() for _ in range(value)]

    def take(messages: list[Message]) -> None:
        batch = preparation.prepare(messages, now_micros()).batch
        if batch is None:
            raise ValueError("all messages were refused")
        sealed = MicroBatch(batch.subject, batch.rows, batch.notes, seal(messages, KEY))
        for (_, shard), part in split_sealed(sealed, value, KEY):
            new = part.take(seen[shard].decide(part).new)
            seen[shard].remember(new)
            Rows.of(new.rows)

    return point([timed(partial(take, each), ROUND) for each in rounds(contracts.flight_messages(), ROUND, ROUNDS)])


POINTS: Final[dict[str, Callable[[int], Point]]] = {
    "events": events,
    "payload": payload,
    "fields": fields,
    "subjects": subjects,
    "tables": tables_point,
    "ids": ids,
    "shards": shards,
}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(POINTS[sys.argv[1]](int(sys.argv[2]))) + "\n")
