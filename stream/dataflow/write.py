"""Deduplicate and Append as one stateful step: an id is remembered in the commit that its row is written in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from stream.append import TableAppender
from stream.batch import MicroBatch
from stream.clients import open_write
from stream.dataflow.outputs import DEAD_LETTERS, TALLIES
from stream.dataflow.sealed import sealed_letters
from stream.deduplicate import SeenIds
from stream.tallies import Outcome, Tally, tally_refusals, tally_rows, tally_written
from stream.write import STAGE, Fates, Keyed, split_by_shard, write


class _WriteFn(beam.DoFn):  # type: ignore[misc]
    RECENT = BagStateSpec("seen_recent", BytesCoder())
    OLDER = BagStateSpec("seen_older", BytesCoder())
    VERSION = ReadModifyWriteStateSpec("seen_version", BytesCoder())

    def __init__(self, options: WriteOptions) -> None:
        self._options = options

    def setup(self) -> None:
        self._client = open_write(self._options.project)
        self._appenders: dict[str, TableAppender] = {}
        self._seen: dict[tuple[str, int], SeenIds] = {}

    def process(
        self,
        keyed: Keyed,
        recent: Any = beam.DoFn.StateParam(RECENT),
        older: Any = beam.DoFn.StateParam(OLDER),
        version: Any = beam.DoFn.StateParam(VERSION),
    ) -> Iterator[TaggedOutput]:
        key, batch = keyed
        seen = self._seen_ids(key, recent, older, version)
        fates = write(batch, seen, self._appender(batch.subject))
        if len(fates.written):
            recent.add(seen.remember(fates.written))
            version.write(seen.version)
        if seen.is_due(self._options.ids_remembered // self._options.shards):
            older.clear()
            older.add(seen.turn())
            recent.clear()
        for tally in self._account(batch, fates):
            yield TaggedOutput(TALLIES, tally)
        for letter in sealed_letters(batch, fates.refusals, STAGE, self._options.key):
            yield TaggedOutput(DEAD_LETTERS, letter)

    def _seen_ids(self, key: tuple[str, int], recent: Any, older: Any, version: Any) -> SeenIds:
        committed = version.read() or b""
        seen = self._seen.get(key)
        if seen is None or seen.version != committed:
            seen = self._seen[key] = SeenIds(older.read(), recent.read(), committed)
        return seen

    def _account(self, batch: MicroBatch, fates: Fates) -> Iterator[Tally]:
        window = self._options.window
        if len(fates.written):
            yield tally_written(fates.written, window)
        if len(fates.duplicates):
            yield tally_rows(fates.duplicates, Outcome.DUPLICATE, window)
        yield from tally_refusals(batch, fates.refusals, window)

    def _appender(self, subject: str) -> TableAppender:
        appender = self._appenders.get(subject)
        if appender is None:
            appender = self._appenders[subject] = TableAppender(self._client, self._options.tables[subject])
        return appender

    def teardown(self) -> None:
        for appender in self._appenders.values():
            appender.close()


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Where rows go and what is remembered. *tables* maps a subject to ``projects/P/datasets/D/tables/T``."""

    project: str
    tables: dict[str, str]
    shards: int
    ids_remembered: int
    window: timedelta
    key: bytes = field(repr=False)


class Written(NamedTuple):
    """Both ways out of :class:`WriteRows`."""

    dead_letters: beam.PCollection
    tallies: beam.PCollection


@dataclass
class WriteRows(beam.PTransform):  # type: ignore[misc]
    """Append each event once per table; account for every row."""

    options: WriteOptions

    def expand(self, batches: beam.PCollection) -> Written:
        """Key by table and shard, then deduplicate and append."""
        keyed = batches | "KeyByTableAndShard" >> beam.FlatMap(split_by_shard, self.options.shards).with_output_types(
            Keyed
        )
        outputs = keyed | "DeduplicateAndAppend" >> beam.ParDo(_WriteFn(self.options)).with_outputs(
            DEAD_LETTERS, TALLIES
        )
        outputs[TALLIES].element_type = Tally
        return Written(outputs[DEAD_LETTERS], outputs[TALLIES])
