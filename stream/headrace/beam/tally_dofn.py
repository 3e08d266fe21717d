"""Tally as a Beam transform. Tallies wait in state and are appended like rows, each exactly once."""

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

from headrace.beam.append_dofn import AppendDoFn
from headrace.beam.append_queue import AppendError, AppendQueue
from headrace.beam.pages import PagedQueue
from headrace.beam.state import BagState, Key
from headrace.beam.state_bags import in_page_order, page_bag_specs, with_page_bags
from headrace.beam.table_lookups import TallyTable
from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.tally import Tally, add_up
from headrace.steps.tally_lines import tally_lines

_INBOX: Final = BagStateSpec("inbox", BytesCoder())
_PENDING: Final = ReadModifyWriteStateSpec("pending_append", BytesCoder())
_INDEX: Final = ReadModifyWriteStateSpec("pages_index", BytesCoder())
_PAGES: Final = page_bag_specs(16)
_APPEND: Final = TimerSpec("append", TimeDomain.REAL_TIME)


def by_subject(tally: Tally) -> Iterator[tuple[Key, Tally]]:
    """Key a tally by its subject, so that the tallies of a subject are added up in one place."""
    if tally.counts.num_rows:
        yield (tally.counts.column("subject")[0].as_py(), 0), tally


def to_micro_batch(rows: pa.RecordBatch) -> MicroBatch:
    """Return a batch for an append queue, of rows that are not events."""
    empty_notes = [pa.array([bytes(16)] * rows.num_rows, NOTES.field(0).type)]
    empty_notes += [pa.array([0] * rows.num_rows, each.type) for each in list(NOTES)[1:]]
    return MicroBatch("", rows, pa.RecordBatch.from_arrays(empty_notes, schema=NOTES), b"")


def combine_tallies(batches: Sequence[MicroBatch], now: int) -> list[MicroBatch]:
    """Add up the tallies of one append; *now* is in microseconds since 1970.

    Also assign ids to the lines. Lines and ids are committed together before the lines are appended.
    """
    return [to_micro_batch(tally_lines(add_up([Tally(batch.rows) for batch in batches]), now, _new_id))]


def _new_id() -> str:
    return str(uuid4())


class _TallyFn(AppendDoFn):
    def __init__(self, project: str, table: str, clock: Callable[[], int]) -> None:
        super().__init__(project)
        self._table = table
        self._clock = clock

    def process(
        self,
        keyed: tuple[Key, Tally],
        inbox: Any = beam.DoFn.StateParam(_INBOX),
        pending: Any = beam.DoFn.StateParam(_PENDING),
        index: Any = beam.DoFn.StateParam(_INDEX),
        timer: Any = beam.DoFn.TimerParam(_APPEND),
    ) -> None:
        key, tally = keyed
        self._append_queue(key, PagedQueue(inbox, pending, index)).add(to_micro_batch(tally.counts))
        timer.set(Timestamp(micros=self._clock()))

    @on_timer(_APPEND)
    @with_page_bags(_PAGES)
    def append(
        self,
        key: Any = beam.DoFn.KeyParam,
        inbox: Any = beam.DoFn.StateParam(_INBOX),
        pending: Any = beam.DoFn.StateParam(_PENDING),
        index: Any = beam.DoFn.StateParam(_INDEX),
        timer: Any = beam.DoFn.TimerParam(_APPEND),
        **pages: BagState,
    ) -> None:
        now = self._clock()
        queue = PagedQueue(inbox, pending, index, in_page_order(pages))
        progress = self._append_queue(key, queue).append(self._streams, now)
        for outcomes in progress.outcomes:
            if outcomes.refusals:
                raise AppendError(f"{self._table}: {outcomes.refusals[0].detail}; run `headrace provision`")
        if progress.next_in_seconds is not None:
            timer.set(Timestamp(micros=now) + progress.next_in_seconds)

    def _append_queue(self, key: Key, queue: PagedQueue) -> AppendQueue:
        return AppendQueue(
            key=key,
            table=self._table,
            existing_rows=TallyTable(self._bigquery, self._table),
            cache=self._cache,
            queue=queue,
            join=combine_tallies,
        )


@dataclass
class AppendTallies(beam.PTransform[Any, Any]):
    """A transform that adds up the waiting tallies of each subject, and appends them."""

    project: str
    table: str
    clock: Callable[[], int]

    def expand(self, tallies: beam.PCollection[Any]) -> Any:
        """Key, add up and append."""
        keyed = tallies | "KeyBySubject" >> beam.FlatMap(by_subject).with_output_types(tuple[Key, Tally])
        return keyed | "AddUpAndAppend" >> beam.ParDo(_TallyFn(self.project, self.table, self.clock))
