"""Deduplicate for a load: write rows that are new to the files and the table to Parquet files, and append nothing yet.

A shard is processed after all lines are read, and nothing is loaded before all shards are done. So if a shard is
processed again, even by another worker, the table is unchanged, and the files of the first attempt are never used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.pvalue import TaggedOutput

from headrace.backfill.buckets import create_object
from headrace.beam.key_by_shard import key_by_shard
from headrace.beam.load_target import LoadOptions, Part
from headrace.beam.outputs import DEAD_LETTERS, TALLIES
from headrace.beam.row_outcomes import RowOutcomes, tally_outcomes
from headrace.beam.sealed_dead_letters import unseal_dead_letters
from headrace.beam.state import Key
from headrace.beam.table_lookups import EventTable
from headrace.core.micro_batch import MicroBatch
from headrace.core.sealed_messages import sealing_key
from headrace.core.tally import Tally
from headrace.runtime.google_clients import open_bigquery
from headrace.steps.append import STAGE
from headrace.steps.deduplicate import SeenIds

ROWS_PER_LOOKUP: Final = 5_000  # for several batches, because shards have small ones and each query takes a second
_PARTS: Final = "parts"


class _DeduplicateFn(beam.DoFn):
    def __init__(self, options: LoadOptions) -> None:
        self._options = options

    def setup(self) -> None:
        self._bigquery = open_bigquery(self._options.names.project)
        self._key = sealing_key(self._options.sealing.read())

    def teardown(self) -> None:
        self._bigquery.close()

    def process(self, keyed: tuple[Key, Iterable[MicroBatch]]) -> Iterator[TaggedOutput[Any, Any]]:
        (subject, _), batches = keyed
        contract = self._options.contract
        path = self._options.names.table(contract.options.table)
        table = EventTable(self._bigquery, path, contract)
        seen, part = SeenIds(), _PartWriter(self._options)
        for together in _lookup_groups(batches):
            for batch, stored in zip(together, compare_in_one_query(together, table.compare), strict=True):
                decision = seen.decide(batch, stored)
                new = batch.take(decision.new)
                seen.remember(new)
                part.write(new.rows)
                yield from self._outputs(RowOutcomes(batch, decision.new, decision.duplicates, decision.conflicts))
        for written in part.close():
            yield TaggedOutput(_PARTS, (subject, written))

    def _outputs(self, outcomes: RowOutcomes) -> Iterator[TaggedOutput[Any, Any]]:
        for tally in tally_outcomes(outcomes, self._options.window):
            yield TaggedOutput(TALLIES, tally)
        for dead_letter in unseal_dead_letters(outcomes.batch, outcomes.refusals, STAGE, self._key):
            yield TaggedOutput(DEAD_LETTERS, dead_letter)


class _PartWriter:
    """A writer of one Parquet file of the load, which is created with its first row."""

    def __init__(self, options: LoadOptions) -> None:
        self._project = options.names.project
        self._address = f"{options.folder}/{uuid4().hex}.parquet"
        self._writer: pq.ParquetWriter | None = None
        self._times: list[datetime] = []

    def write(self, rows: pa.RecordBatch) -> None:
        if not rows.num_rows:
            return
        if self._writer is None:
            self._file = create_object(self._address, self._project)
            self._writer = pq.ParquetWriter(self._file, rows.schema)
        self._writer.write_batch(rows)
        bounds = pc.min_max(rows.column("_event_time")).as_py()
        self._times = [min([*self._times, bounds["min"]]), max([*self._times, bounds["max"]])]

    def close(self) -> Iterator[Part]:
        if self._writer is not None:
            self._writer.close()
            self._file.close()
            yield Part(self._address, *self._times)


def compare_in_one_query(
    batches: Sequence[MicroBatch], compare: Callable[[pa.RecordBatch], Mapping[int, bool]]
) -> list[dict[int, bool]]:
    """Call *compare* once for all *batches*; return the result for each batch, by the index of the row in it."""
    starts, total = [], 0
    for batch in batches:
        starts.append(total)
        total += len(batch)
    rows = pa.Table.from_batches([batch.rows for batch in batches]).combine_chunks().to_batches()
    found = compare(rows[0]) if rows else {}
    return [
        {index - start: found[index] for index in range(start, start + len(batch)) if index in found}
        for start, batch in zip(starts, batches, strict=True)
    ]


def _lookup_groups(batches: Iterable[MicroBatch]) -> Iterator[list[MicroBatch]]:
    group: list[MicroBatch] = []
    for batch in batches:
        if group and sum(map(len, group)) + len(batch) > ROWS_PER_LOOKUP:
            yield group
            group = []
        group.append(batch)
    if group:
        yield group


class DeduplicateOutputs(NamedTuple):
    """The outputs of :class:`DeduplicateForLoad`; *parts* are keyed by subject."""

    parts: beam.PCollection[Any]
    dead_letters: beam.PCollection[Any]
    tallies: beam.PCollection[Any]


@dataclass
class DeduplicateForLoad(beam.PTransform[Any, Any]):
    """A transform that writes new rows to the load's files, and gives each row an outcome."""

    options: LoadOptions

    def expand(self, batches: beam.PCollection[Any]) -> DeduplicateOutputs:
        """Key by table and shard, collect all rows of a shard, then decide."""
        split = key_by_shard(self.options.shards, self.options.sealing)
        shards = batches | "KeyByTableAndShard" >> split | "GroupByShard" >> beam.GroupByKey()
        deduplicate_fn = beam.ParDo(_DeduplicateFn(self.options))
        outputs = shards | "DeduplicateShard" >> deduplicate_fn.with_outputs(_PARTS, DEAD_LETTERS, TALLIES)
        outputs[TALLIES].element_type = Tally
        return DeduplicateOutputs(outputs[_PARTS], outputs[DEAD_LETTERS], outputs[TALLIES])
