"""Each event once, however the runner runs its bundles; and the simulator sees every way of getting it wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest
from google.rpc import code_pb2

from headrace.beam import pages
from headrace.beam.append_queue import Outbox, Settled, Streams
from headrace.beam.packing import Head, Waiting, unpack_head
from headrace.beam.pages import Queue
from headrace.beam.row_outcomes import Fates
from headrace.beam.state import Ids, Mark
from headrace.beam.table_shard import Ledger
from headrace.bigquery.append_result import Answer, AppendResult
from headrace.bigquery.write_streams import Rows
from headrace.core.micro_batch import MicroBatch
from headrace.steps.deduplicate import SeenIds
from tests.support.bundles import Carrier, Simulator
from tests.support.ledgers import Network, a_message

SEEDS = 60


@pytest.mark.parametrize("head_bytes", [pages.HEAD_BYTES, 2000, 1])
def test_each_event_is_written_or_refused_once_whatever_happens_to_bundles(
    head_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "HEAD_BYTES", head_bytes)
    wrong = {seed: found for seed in range(SEEDS) if (found := Simulator(seed, Carrier()).run())}
    assert wrong == {}, "by seed"


def again(ledger: Ledger, streams: Streams, now: int) -> Settled:
    """Append without waiting for the commit."""
    ledger.ids.memory.assigned.clear()
    return ledger.append(streams, now)


class AppendsInProcess(Carrier):
    """The batch is appended by the bundle that brings it."""

    def process(self, ledger: Ledger, batch: MicroBatch, streams: Streams, now: int) -> list[Fates]:
        fates = super().process(ledger, batch, streams, now)
        for _ in range(2):  # one assigns, one appends
            fates += again(ledger, streams, now).fates
        return fates


class AppendsInTheBundleThatAssigns(Carrier):
    """A timer that fires again in its bundle appends the head that is not committed yet."""

    def on_timer(self, ledger: Ledger, streams: Streams, now: int) -> tuple[list[Fates], bool]:
        settled = again(ledger, streams, now)
        return settled.fates, settled.again is not None


class _Forgetful(Streams):
    """Streams that are never finalised, and so said to end where the head was to go."""

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

    def on_timer(self, ledger: Ledger, streams: Streams, now: int) -> tuple[list[Fates], bool]:
        assert isinstance(streams, Network)
        return super().on_timer(ledger, _Forgetful(streams, self.gone), now)


class StartsAnewWhereAnOffsetIsTaken(_NewStream):
    """ALREADY_EXISTS counts as a failure, and the head goes to a new stream."""

    gone = code_pb2.ALREADY_EXISTS


class StartsAnewOnTimeout(_NewStream):
    """An unknown answer counts as a failure, and the head goes to a new stream."""

    gone = code_pb2.UNAVAILABLE


class RemembersWhatIsWritten(Carrier):
    """Ids are remembered when their rows are written, not when they are queued."""

    class ids(Ids):  # noqa: N801 stands in for the class
        def remember(self, batch: MicroBatch) -> None:
            pass

    def on_timer(self, ledger: Ledger, streams: Streams, now: int) -> tuple[list[Fates], bool]:
        fates, timer = super().on_timer(ledger, streams, now)
        for each in fates:
            if each.written:
                Ids.remember(ledger.ids, each.batch)
        return fates, timer


class RewritesAHeadInPlace(Carrier):
    """A head without its refused rows is appended at the same offset of the same stream."""

    class outbox(Outbox):  # noqa: N801 stands in for the class
        def _replace(self, streams: Streams, head: Head, answer: Answer, result: AppendResult, now: int) -> Settled:
            if result is AppendResult.STREAM_GONE:
                return super()._replace(streams, head, answer, result, now)
            if result is AppendResult.BATCH_REFUSED and len(head) > 1:
                return Settled([], self._commit(replace(head, batches=self._first_half(head.batches))))
            batches, fates = self._without(head.batches, answer.refused or {0: "INVALID_ARGUMENT"})
            if batches:
                return Settled(fates, self._commit(replace(head, batches=batches)))
            return Settled(fates, self._assign(streams, replace(head, batches=()), now))


class TrustsItsMemory(Carrier):
    """A worker's unpacked ids are used without asking whether they are the committed ones."""

    class ids(Ids):  # noqa: N801 stands in for the class
        def seen(self) -> SeenIds:
            known = self.memory.seen.get(self.key)
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

    class queue(Queue):  # noqa: N801 stands in for the class
        def has_only_young(self) -> bool:
            return True


class TakesABagForAPage(Carrier):
    """What else is in the bag of a page goes away with it."""

    class queue(Queue):  # noqa: N801 stands in for the class
        def _removed(self, number: int) -> list[Waiting]:
            taken = Queue._removed(self, number)
            self._bag(number).clear()
            return taken


class ForgetsWithoutNoting(Carrier):
    """Ids are forgotten, and messages of before are looked up no more than earlier."""

    class ids(Ids):  # noqa: N801 stands in for the class
        def turn(self, now: int) -> None:
            since = self.since()
            Ids.turn(self, now)
            self._write((self._read() or Mark())._replace(since=since or 0))


class TakesAGoneStreamForEmpty(Carrier):
    """A head whose stream is gone is appended again without a look at the table."""

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
    TrustsItsMemory,
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


@pytest.mark.parametrize(("carrier", "sound"), [(Carrier(), True), (RewritesAHeadInPlace(), False)])
def test_an_attempt_that_arrives_late_and_is_accepted_after_all_is_told_from_the_rest(
    carrier: Carrier, sound: bool
) -> None:
    #  append a, b: late | again: b refused | table mended | the late one arrives: a, b | append a
    simulator = Simulator(0, carrier, [a_message("a", "1"), a_message("b", "1")])
    table = simulator.table
    table.named, table.unnamed, simulator.network.trouble = {"b"}, set(), 0
    simulator.step(bring=2)
    simulator.step()
    (head,) = [unpack_head(value) for value in simulator.history[-1].cells["head"]]
    simulator.network.late.append((head.stream, head.offset, Rows.of(head.rows)))

    simulator.step()
    table.named = set()
    simulator.network.deliver_one()
    while simulator.history[-1].timer:
        simulator.step()

    assert (list(simulator.differences({"b"})) == []) is sound
