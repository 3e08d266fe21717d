"""Tally as Beam carries it: tallies wait in state and are appended as rows are, each exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import BytesCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from headrace.beam.append_dofn import AppendingFn
from headrace.beam.append_queue import AppendError, Outbox
from headrace.beam.pages import Queue
from headrace.beam.state import Bag, Key
from headrace.beam.state_bags import in_ring, ring_of, with_bags
from headrace.beam.table_lookups import TallyTable
from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.tally import Tally, add_up
from headrace.steps.tally_lines import tally_lines

_QUEUE: Final = BagStateSpec("queue", BytesCoder())
_HEAD: Final = ReadModifyWriteStateSpec("head", BytesCoder())
_INDEX: Final = ReadModifyWriteStateSpec("index", BytesCoder())
_PAGES: Final = ring_of(16)
_APPEND: Final = TimerSpec("append", TimeDomain.REAL_TIME)


def by_subject(tally: Tally) -> Iterator[tuple[Key, Tally]]:
    """Key a tally by its subject, so that each subject's are added up in one place."""
    if tally.counts.num_rows:
        yield (tally.counts.column("subject")[0].as_py(), 0), tally


def as_batch(rows: pa.RecordBatch) -> MicroBatch:
    """Rows that are no events, as what waits in an outbox."""
    nothing = [pa.array([bytes(16)] * rows.num_rows, NOTES.field(0).type)]
    nothing += [pa.array([0] * rows.num_rows, each.type) for each in list(NOTES)[1:]]
    return MicroBatch("", rows, pa.RecordBatch.from_arrays(nothing, schema=NOTES), b"")


def added_up(batches: Sequence[MicroBatch], now: int) -> list[MicroBatch]:
    """Add up the tallies that go into one append; *now* in microseconds since 1970.

    The lines get their ids here, and are committed with them before they are appended.
    """
    return [as_batch(tally_lines(add_up([Tally(batch.rows) for batch in batches]), now, _new_id))]


def _new_id() -> str:
    return str(uuid4())


class _TallyFn(AppendingFn):
    def __init__(self, project: str, table: str, clock: Callable[[], int]) -> None:
        super().__init__(project)
        self._table = table
        self._clock = clock

    def process(
        self,
        keyed: tuple[Key, Tally],
        queue: Any = beam.DoFn.StateParam(_QUEUE),
        head: Any = beam.DoFn.StateParam(_HEAD),
        index: Any = beam.DoFn.StateParam(_INDEX),
        timer: Any = beam.DoFn.TimerParam(_APPEND),
    ) -> None:
        key, tally = keyed
        self._outbox(key, Queue(queue, head, index)).add(as_batch(tally.counts))
        timer.set(Timestamp(micros=self._clock()))

    @on_timer(_APPEND)  # type: ignore[untyped-decorator]
    @with_bags(_PAGES)
    def append(
        self,
        key: Any = beam.DoFn.KeyParam,
        queue: Any = beam.DoFn.StateParam(_QUEUE),
        head: Any = beam.DoFn.StateParam(_HEAD),
        index: Any = beam.DoFn.StateParam(_INDEX),
        timer: Any = beam.DoFn.TimerParam(_APPEND),
        **pages: Bag,
    ) -> None:
        now = self._clock()
        settled = self._outbox(key, Queue(queue, head, index, in_ring(pages))).append(self._streams, now)
        for fates in settled.fates:
            if fates.refusals:
                raise AppendError(f"{self._table}: {fates.refusals[0].detail}; run `headrace provision`")
        if settled.again is not None:
            timer.set(Timestamp(micros=now) + settled.again)

    def _outbox(self, key: Key, queue: Queue) -> Outbox:
        stored = TallyTable(self._bigquery, self._table)
        return Outbox(key, self._table, stored, self._memory, queue, added_up)


@dataclass
class AppendTallies(beam.PTransform):  # type: ignore[misc]
    """Add up tallies of a subject that wait together, and append them."""

    project: str
    table: str
    clock: Callable[[], int]

    def expand(self, tallies: beam.PCollection) -> Any:
        """Key, add up and append."""
        keyed = tallies | "KeyBySubject" >> beam.FlatMap(by_subject).with_output_types(tuple[Key, Tally])
        return keyed | "AddUpAndAppend" >> beam.ParDo(_TallyFn(self.project, self.table, self.clock))
