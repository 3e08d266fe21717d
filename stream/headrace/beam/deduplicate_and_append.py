"""Deduplicate and Append as Beam carries them: one stateful step, exactly once.

Promised: each row of a committed bundle stands in its table once, whatever is run again; see ``outbox.py`` for how.
Ids are compared with those that the budget still remembers. Ids of messages published before that are looked up in the
table: the job needs ``bigquery.jobs.create``, and ``bigquery.tables.getData`` on it, and a lookup that fails fails its
bundle. Tallies leave with the commit and are appended as rows are; dead letters leave with it too, and are published
at least once.
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

from headrace.beam.append_dofn import AppendingFn
from headrace.beam.append_queue import Outbox
from headrace.beam.key_by_shard import key_by_shard
from headrace.beam.outputs import DEAD_LETTERS, TALLIES
from headrace.beam.pages import BAGS, Queue
from headrace.beam.row_outcomes import Fates, tally_fates
from headrace.beam.sealed_dead_letters import sealed_letters
from headrace.beam.sharding import Keyed
from headrace.beam.state import Bag, Ids
from headrace.beam.state_bags import in_ring, ring_of, with_bags
from headrace.beam.table_identities import TableIdentities
from headrace.beam.table_lookups import EventTable
from headrace.beam.table_shard import Ledger
from headrace.config.secrets import Key as SealingKey
from headrace.core.sealed_messages import sealing_key
from headrace.core.tally import Tally
from headrace.steps.append import STAGE

_EVEN: Final = BagStateSpec("ids_even", BytesCoder())
_ODD: Final = BagStateSpec("ids_odd", BytesCoder())
_VERSION: Final = ReadModifyWriteStateSpec("ids_version", BytesCoder())
_QUEUE: Final = BagStateSpec("queue", BytesCoder())
_HEAD: Final = ReadModifyWriteStateSpec("head", BytesCoder())
_INDEX: Final = ReadModifyWriteStateSpec("index", BytesCoder())
_PAGES: Final = ring_of(BAGS)
_APPEND: Final = TimerSpec("append", TimeDomain.REAL_TIME)


class _WriteFn(AppendingFn):
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
        keyed: Keyed,
        even: Any = beam.DoFn.StateParam(_EVEN),
        odd: Any = beam.DoFn.StateParam(_ODD),
        version: Any = beam.DoFn.StateParam(_VERSION),
        queue: Any = beam.DoFn.StateParam(_QUEUE),
        head: Any = beam.DoFn.StateParam(_HEAD),
        index: Any = beam.DoFn.StateParam(_INDEX),
        timer: Any = beam.DoFn.TimerParam(_APPEND),
    ) -> Iterator[TaggedOutput]:
        key, batch = keyed
        now = self._options.clock()
        ids = Ids(key, even, odd, version, self._memory, self._budget)
        fates = self._ledger(ids, Queue(queue, head, index)).enqueue(batch)
        # Due at once: a timer that is set again and again must not move away.
        timer.set(Timestamp(micros=now))
        yield from self._account([fates])

    @on_timer(_APPEND)  # type: ignore[untyped-decorator]
    @with_bags(_PAGES)
    def append(
        self,
        key: Any = beam.DoFn.KeyParam,
        even: Any = beam.DoFn.StateParam(_EVEN),
        odd: Any = beam.DoFn.StateParam(_ODD),
        version: Any = beam.DoFn.StateParam(_VERSION),
        queue: Any = beam.DoFn.StateParam(_QUEUE),
        head: Any = beam.DoFn.StateParam(_HEAD),
        index: Any = beam.DoFn.StateParam(_INDEX),
        timer: Any = beam.DoFn.TimerParam(_APPEND),
        **pages: Bag,
    ) -> Iterator[TaggedOutput]:
        now = self._options.clock()
        ids = Ids(key, even, odd, version, self._memory, self._budget)
        settled = self._ledger(ids, Queue(queue, head, index, in_ring(pages))).append(self._streams, now)
        if settled.again is not None:
            timer.set(Timestamp(micros=now) + settled.again)
        yield from self._account(settled.fates)

    def _ledger(self, ids: Ids, queue: Queue) -> Ledger:
        path = self._options.tables[ids.key[0]]
        table = EventTable(self._bigquery, path, self._options.derived[ids.key[0]], self._identities)
        return Ledger(ids, Outbox(ids.key, path, table, self._memory, queue), table)

    def _account(self, fates: Iterable[Fates]) -> Iterator[TaggedOutput]:
        for each in fates:
            for tally in tally_fates(each, self._options.window):
                yield TaggedOutput(TALLIES, tally)
            for letter in sealed_letters(each.batch, each.refusals, STAGE, self._key):
                yield TaggedOutput(DEAD_LETTERS, letter)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Where rows go and what is remembered. *tables* maps a subject to ``projects/P/datasets/D/tables/T``, *derived* to
    the columns of it that no event has."""

    project: str
    tables: dict[str, str]
    derived: dict[str, frozenset[str]]
    shards: int
    ids_remembered: int
    window: timedelta
    clock: Callable[[], int]
    sealing: SealingKey


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
        keyed = batches | "KeyByTableAndShard" >> key_by_shard(self.options.shards, self.options.sealing)
        outputs = keyed | "DeduplicateAndAppend" >> beam.ParDo(_WriteFn(self.options)).with_outputs(
            DEAD_LETTERS, TALLIES
        )
        outputs[TALLIES].element_type = Tally
        return Written(outputs[DEAD_LETTERS], outputs[TALLIES])
