"""Deduplicate and Append as one stateful Beam transform, exactly once.

Each row of a committed bundle is in its table once, even if bundles run again; see ``append_queue.py``.

Ids are compared with the remembered ids. Ids of messages published earlier are looked up in the table. For this the job
needs ``bigquery.jobs.create``, and ``bigquery.tables.getData`` on the table; a failed lookup fails its bundle. Tallies
and dead letters are outputs of the committed bundle. Tallies are then appended exactly once, like rows; dead letters
are published at least once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from headrace.beam.append_dofn import AppendDoFn
from headrace.beam.append_queue import AppendQueue
from headrace.beam.key_by_shard import key_by_shard
from headrace.beam.outputs import DEAD_LETTERS, TALLIES
from headrace.beam.pages import BAGS, PagedQueue
from headrace.beam.row_outcomes import RowOutcomes, tally_outcomes
from headrace.beam.sealed_dead_letters import unseal_dead_letters
from headrace.beam.sharding import KeyedBatch
from headrace.beam.state import BagState, Ids, Key, ValueState
from headrace.beam.state_bags import in_page_order, page_bag_specs, with_page_bags
from headrace.beam.table_identities import TableIdentities
from headrace.beam.table_lookups import EventTable
from headrace.beam.table_shard import TableShard
from headrace.config.secrets import Key as SealingKey
from headrace.core.sealed_messages import sealing_key
from headrace.core.tally import Tally
from headrace.schemas.registry import Contract
from headrace.steps.append import STAGE

_EVEN: Final = BagStateSpec("ids_even", BytesCoder())
_ODD: Final = BagStateSpec("ids_odd", BytesCoder())
_METADATA: Final = ReadModifyWriteStateSpec("ids_metadata", BytesCoder())
_INBOX: Final = BagStateSpec("inbox", BytesCoder())
_PENDING: Final = ReadModifyWriteStateSpec("pending_append", BytesCoder())
_INDEX: Final = ReadModifyWriteStateSpec("pages_index", BytesCoder())
_PAGES: Final = page_bag_specs(BAGS)
_APPEND: Final = TimerSpec("append", TimeDomain.REAL_TIME)


class _WriteFn(AppendDoFn):
    def __init__(self, options: WriteOptions) -> None:
        super().__init__(options.project)
        self._options = options
        self._budget = options.ids_remembered // options.shards

    def setup(self) -> None:
        super().setup()
        self._identities = TableIdentities(self._bigquery)
        self._key = sealing_key(self._options.sealing.read())

    def process(
        self,
        keyed: KeyedBatch,
        even: Any = beam.DoFn.StateParam(_EVEN),
        odd: Any = beam.DoFn.StateParam(_ODD),
        metadata: Any = beam.DoFn.StateParam(_METADATA),
        inbox: Any = beam.DoFn.StateParam(_INBOX),
        pending: Any = beam.DoFn.StateParam(_PENDING),
        index: Any = beam.DoFn.StateParam(_INDEX),
        timer: Any = beam.DoFn.TimerParam(_APPEND),
    ) -> Iterator[TaggedOutput[Any, Any]]:
        key, batch = keyed
        now = self._options.clock()
        ids = self._ids(key, even, odd, metadata)
        outcomes = self._table_shard(ids, PagedQueue(inbox, pending, index)).enqueue(batch)
        # The timer is due immediately; otherwise each further batch would postpone it.
        timer.set(Timestamp(micros=now))
        yield from self._outputs([outcomes])

    @on_timer(_APPEND)
    @with_page_bags(_PAGES)
    def append(
        self,
        key: Any = beam.DoFn.KeyParam,
        even: Any = beam.DoFn.StateParam(_EVEN),
        odd: Any = beam.DoFn.StateParam(_ODD),
        metadata: Any = beam.DoFn.StateParam(_METADATA),
        inbox: Any = beam.DoFn.StateParam(_INBOX),
        pending: Any = beam.DoFn.StateParam(_PENDING),
        index: Any = beam.DoFn.StateParam(_INDEX),
        timer: Any = beam.DoFn.TimerParam(_APPEND),
        **pages: BagState,
    ) -> Iterator[TaggedOutput[Any, Any]]:
        now = self._options.clock()
        ids = self._ids(key, even, odd, metadata)
        queue = PagedQueue(inbox, pending, index, in_page_order(pages))
        progress = self._table_shard(ids, queue).append(self._streams, now)
        if progress.next_in_seconds is not None:
            timer.set(Timestamp(micros=now) + progress.next_in_seconds)
        yield from self._outputs(progress.outcomes)

    def _ids(self, key: Key, even: BagState, odd: BagState, metadata: ValueState) -> Ids:
        return Ids(
            key=key,
            even=even,
            odd=odd,
            metadata=metadata,
            cache=self._cache,
            budget=self._budget,
            comparable=self._options.comparable[key[0]],
        )

    def _table_shard(self, ids: Ids, queue: PagedQueue) -> TableShard:
        path = self._options.tables[ids.key[0]]
        table = EventTable(self._bigquery, path, self._options.contracts[ids.key[0]], self._identities)
        append_queue = AppendQueue(key=ids.key, table=path, existing_rows=table, cache=self._cache, queue=queue)
        return TableShard(ids, append_queue, table)

    def _outputs(self, outcomes: Iterable[RowOutcomes]) -> Iterator[TaggedOutput[Any, Any]]:
        for each in outcomes:
            for tally in tally_outcomes(each, self._options.window):
                yield TaggedOutput(TALLIES, tally)
            for dead_letter in unseal_dead_letters(each.batch, each.refusals, STAGE, self._key):
                yield TaggedOutput(DEAD_LETTERS, dead_letter)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """The tables to write, and the number of ids to remember.

    *tables* has ``projects/P/datasets/D/tables/T`` by subject; *contracts* has the newest version of each, and
    *comparable* the rules of its remembered content hashes that prove something.
    """

    project: str
    tables: dict[str, str]
    contracts: dict[str, Contract]
    comparable: dict[str, frozenset[int]]
    shards: int
    ids_remembered: int
    window: timedelta
    clock: Callable[[], int]
    sealing: SealingKey


class WriteOutputs(NamedTuple):
    """The outputs of :class:`WriteRows`."""

    dead_letters: beam.PCollection[Any]
    tallies: beam.PCollection[Any]


@dataclass
class WriteRows(beam.PTransform[Any, Any]):
    """A transform that appends each event once to its table, and gives each row an outcome."""

    options: WriteOptions

    def expand(self, batches: beam.PCollection[Any]) -> WriteOutputs:
        """Key by table and shard, then deduplicate and append."""
        keyed = batches | "KeyByTableAndShard" >> key_by_shard(self.options.shards, self.options.sealing)
        outputs = keyed | "DeduplicateAndAppend" >> beam.ParDo(_WriteFn(self.options)).with_outputs(
            DEAD_LETTERS, TALLIES
        )
        outputs[TALLIES].element_type = Tally
        return WriteOutputs(outputs[DEAD_LETTERS], outputs[TALLIES])
