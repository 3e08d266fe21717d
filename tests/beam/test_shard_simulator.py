"""Each event once, however the runner runs its bundles; and the simulator sees every way of getting it wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest
from google.rpc import code_pb2

from headrace.beam import pages
from headrace.beam.append_queue import AppendProgress, AppendQueue, Streams
from headrace.beam.packing import PendingAppend, QueuedBatch, unpack_pending
from headrace.beam.pages import PagedQueue
from headrace.beam.row_outcomes import RowOutcomes
from headrace.beam.state import Ids, IdsMetadata
from headrace.beam.table_shard import TableShard
from headrace.bigquery.append_result import Answer, AppendResult
from headrace.bigquery.write_streams import Rows
from headrace.core.micro_batch import MicroBatch
from headrace.steps.deduplicate import SeenIds
from tests.support.bundles import Carrier, Simulator
from tests.support.shard_state import Network, a_message

SEEDS = 60


@pytest.mark.parametrize("append_bytes", [pages.APPEND_BYTES, 2000, 1])
def test_each_event_is_written_or_refused_once_regardless_of_bundle_failures(
    append_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "APPEND_BYTES", append_bytes)
    wrong = {seed: found for seed in range(SEEDS) if (found := Simulator(seed, Carrier()).run())}
    assert wrong == {}, "by seed"


def again(table_shard: TableShard, streams: Streams, now: int) -> AppendProgress:
    """Append without waiting for the commit."""
    table_shard.ids.cache.assigned.clear()
    return table_shard.append(streams, now)


class AppendsInProcess(Carrier):
    """The batch is appended by the bundle that brings it."""

    def process(self, table_shard: TableShard, batch: MicroBatch, streams: Streams, now: int) -> list[RowOutcomes]:
        outcomes = super().process(table_shard, batch, streams, now)
        for _ in range(2):  # one assigns, one appends
            outcomes += again(table_shard, streams, now).outcomes
        return outcomes


class AppendsInTheBundleThatAssigns(Carrier):
    """A timer that fires again in its bundle sends the pending append that is not committed yet."""

    def on_timer(self, table_shard: TableShard, streams: Streams, now: int) -> tuple[list[RowOutcomes], bool]:
        progress = again(table_shard, streams, now)
        return progress.outcomes, progress.next_in_seconds is not None


class _Forgetful(Streams):
    """Streams that are never finalised, and so reported to end where the pending append was to go."""

    def __init__(self, network: Network, gone: int) -> None:
        self._network, self._gone, self._offset = network, gone, 0

    def create(self, table: str) -> str:
        return self._network.create(table)

    def append(self, stream: str, offset: int, rows: Rows) -> Answer:
        self._offset = offset
        answer = self._network.append(stream, offset, rows)
        return Answer(code_pb2.NOT_FOUND, "STREAM_NOT_FOUND") if answer.status == self._gone else answer

    def finalise(self, stream: str) -> int:
        return self._offset


class _NewStream(Carrier):
    gone: int

    def on_timer(self, table_shard: TableShard, streams: Streams, now: int) -> tuple[list[RowOutcomes], bool]:
        assert isinstance(streams, Network)
        return super().on_timer(table_shard, _Forgetful(streams, self.gone), now)


class StartsAnewWhereAnOffsetIsTaken(_NewStream):
    """ALREADY_EXISTS counts as a failure, and the rows go to a new stream."""

    gone = code_pb2.ALREADY_EXISTS


class StartsAnewOnTimeout(_NewStream):
    """An unknown answer counts as a failure, and the rows go to a new stream."""

    gone = code_pb2.UNAVAILABLE


class RemembersWhatIsWritten(Carrier):
    """Ids are remembered when their rows are written, not when they are queued."""

    class ids(Ids):  # noqa: N801 stands in for the class
        def remember(self, batch: MicroBatch) -> None:
            pass

    def on_timer(self, table_shard: TableShard, streams: Streams, now: int) -> tuple[list[RowOutcomes], bool]:
        outcomes, timer = super().on_timer(table_shard, streams, now)
        for each in outcomes:
            if each.written:
                Ids.remember(table_shard.ids, each.batch)
        return outcomes, timer


class RewritesAnAppendInPlace(Carrier):
    """A pending append without its refused rows is sent at the same offset of the same stream."""

    class append_queue(AppendQueue):  # noqa: N801 stands in for the class
        def _replace_stream(
            self, streams: Streams, pending: PendingAppend, answer: Answer, result: AppendResult, now: int
        ) -> AppendProgress:
            if result is AppendResult.STREAM_GONE:
                return super()._replace_stream(streams, pending, answer, result, now)
            if result is AppendResult.BATCH_REFUSED and len(pending) > 1:
                return AppendProgress(
                    [], self._commit(replace(pending, batches=self._keep_first_half(pending.batches)))
                )
            batches, outcomes = self._remove_refused(pending.batches, answer.refused or {0: answer.refusal})
            if batches:
                return AppendProgress(outcomes, self._commit(replace(pending, batches=batches)))
            return AppendProgress(outcomes, self._assign(streams, replace(pending, batches=()), now))


class TrustsItsCache(Carrier):
    """A worker's unpacked ids are used without asking whether they are the committed ones."""

    class ids(Ids):  # noqa: N801 stands in for the class
        def seen(self) -> SeenIds:
            known = self.cache.seen.get(self.key)
            return super().seen() if known is None else known


class KeepsRefusedIds(Carrier):
    """An id is remembered although its row was refused."""

    class ids(Ids):  # noqa: N801 stands in for the class
        def forget(self, batch: MicroBatch) -> None:
            pass


class DoesNotLookUp(Carrier):
    """What is not remembered counts as new, however old its message."""

    class _Silent(Network):
        def compare(self, rows: pa.RecordBatch) -> dict[int, bool]:
            return {}

    def asked(self, network: Network) -> Network:
        return self._Silent(network.real, network.random, network.trouble)


class TrustsNewState(Carrier):
    """New state counts as knowing all, although the table holds rows."""

    class _Empty(Network):
        def is_empty(self) -> bool:
            return True

    def asked(self, network: Network) -> Network:
        return self._Empty(network.real, network.random, network.trouble)


class ForgetsWhatWaits(Carrier):
    """An id is forgotten although its row is not in the table yet."""

    class queue(PagedQueue):  # noqa: N801 stands in for the class
        def has_only_young(self) -> bool:
            return True


class TakesABagForAPage(Carrier):
    """What else is in the bag of a page goes away with it."""

    class queue(PagedQueue):  # noqa: N801 stands in for the class
        def _remove_page(self, number: int) -> list[QueuedBatch]:
            taken = PagedQueue._remove_page(self, number)
            self._bag(number).clear()
            return taken


class ForgetsWithoutNoting(Carrier):
    """Ids are forgotten, and messages of before are looked up no more than earlier."""

    class ids(Ids):  # noqa: N801 stands in for the class
        def turn(self, now: int) -> None:
            since = self.since()
            Ids.turn(self, now)
            self._write((self._read() or IdsMetadata())._replace(since=since or 0))


class TakesAGoneStreamForEmpty(Carrier):
    """A pending append whose stream is gone is sent again without a lookup in the table."""

    class _Blind(Network):
        def count(self, rows: pa.RecordBatch) -> int:
            return 0

    def asked(self, network: Network) -> Network:
        return self._Blind(network.real, network.random, network.trouble)


BROKEN: Sequence[type[Carrier]] = [
    AppendsInProcess,
    AppendsInTheBundleThatAssigns,
    StartsAnewWhereAnOffsetIsTaken,
    StartsAnewOnTimeout,
    RemembersWhatIsWritten,
    TrustsItsCache,
    KeepsRefusedIds,
    DoesNotLookUp,
    TrustsNewState,
    ForgetsWhatWaits,
    ForgetsWithoutNoting,
    TakesABagForAPage,
    TakesAGoneStreamForEmpty,
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_engine_is_caught(broken: type[Carrier]) -> None:
    for seed in range(SEEDS):
        found = Simulator(seed, broken()).run()
        if found:
            print(f"{broken.__name__}: seed {seed}: {found[:3]}")
            return
    pytest.fail(f"not caught in {SEEDS} seeds")


@pytest.mark.parametrize(("carrier", "sound"), [(Carrier(), True), (RewritesAnAppendInPlace(), False)])
def test_a_late_attempt_that_is_accepted_after_all_is_distinguished_from_the_remaining_rows(
    carrier: Carrier, sound: bool
) -> None:
    #  append a, b: late | again: b refused | table repaired | the late one arrives: a, b | append a
    simulator = Simulator(0, carrier, [a_message("a", "1"), a_message("b", "1")])
    table = simulator.table
    table.named, table.unnamed, simulator.network.trouble = {"b"}, set(), 0
    simulator.step(bring=2)
    simulator.step()
    (pending,) = [unpack_pending(value) for value in simulator.history[-1].state["pending_append"]]
    simulator.network.late.append((pending.stream, pending.offset, Rows.of(pending.rows)))

    simulator.step()
    table.named = set()
    simulator.network.deliver_one()
    while simulator.history[-1].timer:
        simulator.step()

    assert (list(simulator.differences({"b"})) == []) is sound
